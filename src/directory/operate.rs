//! What operators do with a directory of records.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use futures_util::Stream;
use jiff::Timestamp;
use tokio::time::Instant;

use super::{
    Directory, DirectorySettings, Entry, Error, Failure, Name, Record, UserId, end, http, open, records::Records,
};
use crate::acs::{
    self,
    types::{IdentityId, Scope, TokenLifetime, TokenRequest},
};

/// How long the record of somebody forgotten stays: far longer than any request takes that may have read it.
const GRACE: Duration = Duration::from_secs(24 * 60 * 60);

/// Between two records for which ACS is called: ten a second. ACS allows about 33 tokens a second, and about 16
/// revocations and deletions; people need some of them meanwhile.
/// <https://learn.microsoft.com/azure/communication-services/concepts/service-limits#identity>
const PACE: Duration = Duration::from_millis(100);

/// What became of a record that was looked after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Repaired {
    /// There was nothing to do.
    Fine,
    /// A deletion that had been broken off was finished.
    Ended,
    /// Its identity is not ACS's any more, so that it was forgotten. The user's next call makes another.
    Dropped,
    /// It was of somebody forgotten long ago, and was removed.
    Removed,
}

/// A directory of records, for those who look after it.
pub struct DirectoryAdmin {
    records: Records,
    /// When the next record may be one for which ACS is called.
    next: Mutex<Option<Instant>>,
}

impl fmt::Debug for DirectoryAdmin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DirectoryAdmin").finish_non_exhaustive()
    }
}

impl Directory {
    /// The directory's records.
    #[must_use]
    pub fn keeper(&self) -> DirectoryAdmin {
        DirectoryAdmin::of(self.0.records.clone())
    }
}

impl DirectoryAdmin {
    /// The records of the directory that the settings name.
    ///
    /// # Errors
    /// As [`Directory::open`].
    pub fn open(settings: &DirectorySettings) -> Result<Self, Failure> {
        let store = open::open(settings, &http::client(reqwest::Client::builder())?)?;
        Ok(Self::of(Records { store, key: settings.key.clone() }))
    }

    const fn of(records: Records) -> Self {
        Self { records, next: Mutex::new(None) }
    }

    /// Under which name a user stands.
    #[must_use]
    pub fn name(&self, user: UserId) -> Name {
        Name::of(&self.records.key, user)
    }

    /// All records there are, in no order that means anything.
    pub fn entries(&self) -> impl Stream<Item = Result<Entry, Failure>> {
        self.records.store.entries()
    }

    /// One record.
    ///
    /// # Errors
    /// When the store fails, or what is there is no record.
    pub async fn record(&self, name: Name) -> Result<Option<Record>, Failure> {
        Ok(self.dated_record(name).await?.map(|(record, _)| record))
    }

    /// One record, and when it was written.
    ///
    /// # Errors
    /// As [`DirectoryAdmin::record`].
    pub async fn dated_record(&self, name: Name) -> Result<Option<(Record, Timestamp)>, Failure> {
        let found = self.records.store.read(name).await?;
        Ok(found.map(|(record, version)| (record, version.written_at)))
    }

    /// Looks after one record. With `ask`, ACS is asked whether it knows the identity: a token with the least permissions
    /// is issued and thrown away. Any number may be looked after at once: no more than ten a second are handed on to ACS.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn repair(&self, acs: &acs::Client, name: Name, ask: bool) -> Result<Repaired, Error> {
        let store = &self.records.store;
        let Some((record, version)) = store.read(name).await? else { return Ok(Repaired::Fine) };
        match record {
            Record::Leaving(id) => {
                self.turn().await;
                end(acs, &id).await?;
                store.write(name, &Record::Forgotten, Some(version)).await?;
                Ok(Repaired::Ended)
            }
            Record::Identity(id) if ask => {
                self.turn().await;
                let dropped = is_gone(acs, &id).await? && store.write(name, &Record::Forgotten, Some(version)).await?;
                Ok(if dropped { Repaired::Dropped } else { Repaired::Fine })
            }
            // Its user may be coming back at this moment. A folder notices; elsewhere the day makes it unlikely.
            Record::Forgotten if is_old(version.written_at) && store.remove(name, &version).await? => {
                Ok(Repaired::Removed)
            }
            Record::Identity(_) | Record::Forgotten => Ok(Repaired::Fine),
        }
    }

    /// Waits until ACS may be called for another record.
    async fn turn(&self) {
        let at = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            let at = next.map_or(now, |next| next.max(now));
            *next = Some(at + PACE);
            at
        };
        tokio::time::sleep_until(at).await;
    }
}

async fn is_gone(acs: &acs::Client, id: &IdentityId) -> Result<bool, Error> {
    let Ok(least) = TokenRequest::new(vec![Scope::VoipJoin], Some(TokenLifetime::MIN)) else { return Ok(false) };
    match acs.issue_token(id, &least).await {
        Err(error) if error.is_identity_gone() => Ok(true),
        answer => Ok(answer.map(|_| false)?),
    }
}

fn is_old(written_at: Timestamp) -> bool {
    let age = Timestamp::now().duration_since(written_at);
    age.is_positive() && age.unsigned_abs() > GRACE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn acs_is_called_for_ten_records_a_second() {
        let keeper = DirectoryAdmin::open(&DirectorySettings::in_memory()).unwrap();
        let start = Instant::now();
        futures_util::future::join_all((0..31).map(|_| keeper.turn())).await;
        assert_eq!(start.elapsed().as_secs(), 3);
        // Whoever comes later has not saved up anything.
        tokio::time::advance(Duration::from_secs(60)).await;
        let start = Instant::now();
        futures_util::future::join_all((0..11).map(|_| keeper.turn())).await;
        assert_eq!(start.elapsed().as_secs(), 1);
    }

    #[test]
    fn old_is_over_a_day() {
        let hours = |n: i64| Timestamp::now() - jiff::SignedDuration::from_hours(n);
        assert!(is_old(hours(25)) && !is_old(hours(23)) && !is_old(hours(-25)));
    }
}
