//! Administration of a user directory: lists, reads and repairs its records.

use std::time::Duration;

use acs_identity::{
    IdentityClient,
    http::{TlsError, client_builder},
    types::{IdentityId, Scope, TokenLifetime, TokenRequest},
};
use futures_util::Stream;
use jiff::Timestamp;
use tokio::{
    sync::Mutex,
    time::{Interval, MissedTickBehavior},
};

use super::{
    BlockedUser, DirectorySettings, Error, Record, RecordContent, RecordEntry, RecordName, RecordSelector, State,
    StoreError, blocking, open, revoke_and_delete,
    store::{RecordStore, Version},
};

/// Age at which the record of a deleted identity is removed: far longer than any call that may have read it.
const DELETED_RECORD_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// Interval between two repairs that call ACS. ACS allows about 33 tokens, or 16 revocations and deletions, a second;
/// users need some of them.
/// <https://learn.microsoft.com/azure/communication-services/concepts/service-limits#identity>
const ADMIN_INTERVAL: Duration = Duration::from_millis(100);

/// The outcome of a repair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RepairOutcome {
    /// The record needed no repair.
    Unchanged,
    /// An interrupted deletion was completed.
    Completed,
    /// ACS no longer has the identity. The record was emptied, and the user's next call creates an identity.
    Emptied,
    /// The record of an identity deleted long ago was removed.
    Removed,
}

/// The outcome of a revocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RevokeOutcome {
    /// All tokens of the identity were revoked.
    Revoked,
    /// The record was written at the given time or later.
    Newer,
    /// The record has no identity, or ACS no longer has it.
    NoIdentity,
}

/// A user directory, for administration.
#[derive(Debug)]
pub struct DirectoryAdmin {
    pub(super) store: RecordStore,
    interval: Mutex<Interval>,
}

impl DirectoryAdmin {
    /// Opens the directory. Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// As [`Directory::open`](super::Directory::open).
    pub fn open(settings: &DirectorySettings) -> Result<Self, StoreError> {
        let store = open::open(settings, &client_builder().build().map_err(TlsError::from)?)?;
        let mut interval = tokio::time::interval(ADMIN_INTERVAL);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Self { store, interval: Mutex::new(interval) })
    }

    /// Returns the names of all records, unordered.
    pub fn names(&self) -> impl Stream<Item = Result<RecordName, StoreError>> {
        self.store.names()
    }

    /// Reads a record that does not exist, to check that the store can be read.
    ///
    /// # Errors
    /// Returns the error of the store.
    pub async fn try_read(&self) -> Result<(), StoreError> {
        self.store.try_read().await
    }

    /// Returns whether the store rejects writes whose conditions do not hold. Writes a record of no user and removes it.
    ///
    /// # Errors
    /// Returns the error of the store.
    pub async fn obeys_conditions(&self) -> Result<bool, StoreError> {
        self.store.obeys_conditions().await
    }

    /// Reads a record.
    ///
    /// # Errors
    /// Returns an error if the store fails or the object is not a record.
    pub async fn read(&self, name: RecordName) -> Result<Option<RecordEntry>, StoreError> {
        self.store.read(name).await?.map(entry).transpose()
    }

    /// Reads the selected record.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub async fn find(&self, selected: RecordSelector) -> Result<Option<RecordEntry>, StoreError> {
        self.store.find(selected).await?.map(entry).transpose()
    }

    /// Returns whether ACS has an identity, by issuing a token and discarding it. Calls ACS as rarely as
    /// [`repair`](Self::repair).
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn is_known(&self, acs: &IdentityClient, id: &IdentityId) -> Result<bool, Error> {
        self.wait().await;
        Ok(!is_missing(acs, id).await?)
    }

    /// Repairs a record. With `ask_acs`, also checks that ACS has the identity, by issuing a token and discarding it.
    ///
    /// Concurrent repairs call ACS for at most ten records a second.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn repair(&self, acs: &IdentityClient, name: RecordName, ask_acs: bool) -> Result<RepairOutcome, Error> {
        let Some((record, version)) = self.store.read(name).await? else { return Ok(RepairOutcome::Unchanged) };
        let Record { state, blocked } = record;
        // A blocked user stays blocked.
        let emptied = Record { state: State::Deleted, blocked };
        match state {
            State::Deleting(id) => {
                self.wait().await;
                revoke_and_delete(acs, &id).await?;
                self.store.write(name, &emptied, Some(version)).await?;
                Ok(RepairOutcome::Completed)
            }
            State::Active(id) if ask_acs => {
                self.wait().await;
                let emptied = is_missing(acs, &id).await? && self.store.write(name, &emptied, Some(version)).await?;
                Ok(if emptied { RepairOutcome::Emptied } else { RepairOutcome::Unchanged })
            }
            // The user may be returning right now. A folder detects it; in other stores the age makes it unlikely.
            State::Deleted if !blocked && is_old(version.written_at()?) && self.store.remove(&version).await? => {
                Ok(RepairOutcome::Removed)
            }
            State::Active(_) | State::Deleted => Ok(RepairOutcome::Unchanged),
        }
    }

    /// Blocks the user of a record, then revokes all tokens of the user's identity. Creates the record if there is none.
    ///
    /// # Errors
    /// As [`Directory::block_user`](super::Directory::block_user).
    pub async fn block(&self, acs: &IdentityClient, selected: RecordSelector) -> Result<BlockedUser, Error> {
        blocking::block(&self.store, acs, selected).await
    }

    /// Unblocks the user of a record. Returns whether the user was blocked.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn unblock(&self, selected: RecordSelector) -> Result<bool, Error> {
        blocking::unblock(&self.store, selected).await
    }

    /// Revokes all tokens of the identity in a record, if the record was written before a time. Does not block the user.
    ///
    /// Concurrent revocations call ACS for at most ten records a second.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn revoke(
        &self,
        acs: &IdentityClient,
        name: RecordName,
        before: Option<Timestamp>,
    ) -> Result<RevokeOutcome, Error> {
        let Some((record, version)) = self.store.read(name).await? else { return Ok(RevokeOutcome::NoIdentity) };
        let Some(id) = record.identity() else { return Ok(RevokeOutcome::NoIdentity) };
        if let Some(before) = before
            && version.written_at()? >= before
        {
            return Ok(RevokeOutcome::Newer);
        }
        self.wait().await;
        match acs.revoke_tokens(id).await {
            Err(error) if error.is_identity_gone() => Ok(RevokeOutcome::NoIdentity),
            revoked => Ok(revoked.map(|()| RevokeOutcome::Revoked)?),
        }
    }

    /// Waits until the next call to ACS is due.
    pub(super) async fn wait(&self) {
        self.interval.lock().await.tick().await;
    }
}

fn entry((record, version): (Record, Version)) -> Result<RecordEntry, StoreError> {
    let content = RecordContent::new(&record, version.holder.as_ref());
    Ok(RecordEntry { name: version.name, record, written_at: version.written_at()?, content })
}

async fn is_missing(acs: &IdentityClient, id: &IdentityId) -> Result<bool, Error> {
    let Ok(request) = TokenRequest::new(vec![Scope::VoipJoin], Some(TokenLifetime::MIN)) else { return Ok(false) };
    match acs.issue_token(id, &request).await {
        Err(error) if error.is_identity_gone() => Ok(true),
        issued => Ok(issued.map(|_| false)?),
    }
}

fn is_old(written_at: Timestamp) -> bool {
    let age = Timestamp::now().duration_since(written_at);
    age.is_positive() && age.unsigned_abs() > DELETED_RECORD_AGE
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn repairs_call_acs_for_ten_records_a_second() {
        let admin = DirectoryAdmin::open(&DirectorySettings::in_memory()).unwrap();
        for (records, seconds) in [(31, 3), (11, 1)] {
            let start = Instant::now();
            futures_util::future::join_all((0..records).map(|_| admin.wait())).await;
            assert_eq!(start.elapsed().as_secs(), seconds);
            // Idle time does not accumulate.
            tokio::time::advance(Duration::from_secs(60)).await;
        }
    }

    #[test]
    fn record_is_old_after_a_day() {
        let hours = |n: i64| Timestamp::now() - jiff::SignedDuration::from_hours(n);
        assert!(is_old(hours(25)) && !is_old(hours(23)) && !is_old(hours(-25)));
    }
}
