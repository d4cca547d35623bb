//! Moves records from the second key of a user directory to the first one.

use super::{DirectoryAdmin, Error, Record, RecordName, State, StoreError, UserId, store::RecordStore};

/// Number of times a record is moved again because it changed meanwhile.
const MAX_CONFLICTS: usize = 5;

/// The outcome of moving a record to the first key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RekeyOutcome {
    /// The record is under the first key, or has no content.
    Unchanged,
    /// The record was moved. The one under the second key was emptied.
    Moved,
    /// The record is of an earlier version, or under a third key. Its user is added at the user's next call.
    WithoutUser,
}

impl DirectoryAdmin {
    /// Moves a record from the second key to the first one. Users may call the service meanwhile.
    ///
    /// # Errors
    /// Returns an error if the store fails, or if the user has another identity under the first key.
    pub async fn rekey(&self, name: RecordName) -> Result<RekeyOutcome, Error> {
        for _ in 0..MAX_CONFLICTS {
            let Some((record, version)) = self.store.read(name).await? else { return Ok(RekeyOutcome::Unchanged) };
            if record.is_empty() {
                return Ok(RekeyOutcome::Unchanged);
            }
            let Some(user) = self.store.user(&version) else { return Ok(RekeyOutcome::WithoutUser) };
            let first = self.store.first_name(user);
            if first == name {
                return Ok(RekeyOutcome::Unchanged);
            }
            // The copy is first, so that at each moment one of the two records has the identity.
            if copy(&self.store, first, user, &record).await?
                && self.store.write(name, &State::Deleted.into(), Some(version)).await?
            {
                return Ok(RekeyOutcome::Moved);
            }
        }
        Err(Error::Contended)
    }
}

/// Writes the record of the first key. Returns `false` if it has changed meanwhile.
async fn copy(store: &RecordStore, first: RecordName, user: UserId, record: &Record) -> Result<bool, StoreError> {
    let Some((found, version)) = store.read(first).await? else {
        return store.write_user(user, record, None).await;
    };
    if found.identity().is_some() && found.identity() != record.identity() {
        return Err(StoreError::OtherIdentity);
    }
    // If an earlier move was interrupted, calls have used the copy since. Only a deletion may be newer than the copy.
    let is_used = found.identity().is_some() && !matches!(record.state, State::Deleting(_));
    let state = if is_used { found.state.clone() } else { record.state.clone() };
    // A call that blocks the user may have marked one of the records only.
    let merged = Record { state, blocked: found.blocked || record.blocked };
    if merged == found { Ok(true) } else { store.write_user(user, &merged, Some(version)).await }
}
