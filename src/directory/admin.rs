//! Administration of a user directory: lists, reads and repairs its records.

use std::time::Duration;

use acs_identity::{
    IdentityClient,
    http::client_builder,
    types::{IdentityId, Scope, TokenLifetime, TokenRequest},
};
use futures_util::Stream;
use jiff::Timestamp;
use tokio::{
    sync::Mutex,
    time::{Interval, MissedTickBehavior},
};

use super::{
    DirectorySettings, Error, Record, RecordEntry, RecordName, StoreError, UserId, open, revoke_and_delete,
    store::RecordStore,
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
        let store = open::open(settings, &client_builder().build()?)?;
        let mut interval = tokio::time::interval(ADMIN_INTERVAL);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Self { store, interval: Mutex::new(interval) })
    }

    /// Returns the names of all records, unordered.
    pub fn names(&self) -> impl Stream<Item = Result<RecordName, StoreError>> {
        self.store.names()
    }

    /// Reads a record.
    ///
    /// # Errors
    /// Returns an error if the store fails or the object is not a record.
    pub async fn read(&self, name: RecordName) -> Result<Option<RecordEntry>, StoreError> {
        let Some((record, version)) = self.store.read(name).await? else { return Ok(None) };
        Ok(Some(RecordEntry { name, record, written_at: version.written_at()? }))
    }

    /// Reads the record of a user, under either key.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub async fn read_user(&self, user: UserId) -> Result<Option<RecordEntry>, StoreError> {
        let Some((record, version)) = self.store.read_user(user).await? else { return Ok(None) };
        Ok(Some(RecordEntry { name: version.name, record, written_at: version.written_at()? }))
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
        match record {
            Record::Deleting(id) => {
                self.wait().await;
                revoke_and_delete(acs, &id).await?;
                self.store.write(name, &Record::Deleted, Some(version)).await?;
                Ok(RepairOutcome::Completed)
            }
            Record::Active(id) if ask_acs => {
                self.wait().await;
                let emptied =
                    is_missing(acs, &id).await? && self.store.write(name, &Record::Deleted, Some(version)).await?;
                Ok(if emptied { RepairOutcome::Emptied } else { RepairOutcome::Unchanged })
            }
            // The user may be returning right now. A folder detects it; in other stores the age makes it unlikely.
            Record::Deleted if is_old(version.written_at()?) && self.store.remove(&version).await? => {
                Ok(RepairOutcome::Removed)
            }
            Record::Active(_) | Record::Deleted => Ok(RepairOutcome::Unchanged),
        }
    }

    /// Waits until the next call to ACS is due.
    async fn wait(&self) {
        self.interval.lock().await.tick().await;
    }
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
