//! What operators do with a directory of records.

use std::time::Duration;

use futures_util::Stream;
use jiff::Timestamp;

use super::{Directory, Entry, Error, Failure, Inner, Name, Record, User, Way, Witness, end, records::Records};
use crate::acs::{
    self,
    types::{IdentityId, Scope, TokenRequest, Validity},
};

/// How long the record of somebody forgotten stays: far longer than any request takes that may have read it.
const GRACE: Duration = Duration::from_secs(24 * 60 * 60);

/// What became of a record that was looked after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
#[derive(Debug)]
pub struct Keeper<'a> {
    acs: &'a acs::Client,
    records: &'a Records,
}

impl Directory {
    /// The directory's records; nothing where ACS keeps the directory, which lists nothing.
    #[must_use]
    pub fn keeper(&self) -> Option<Keeper<'_>> {
        let Inner { acs, way, .. } = &*self.0;
        match way {
            Way::Records(records) => Some(Keeper { acs, records }),
            Way::CustomIds(_) => None,
        }
    }
}

impl Keeper<'_> {
    /// Under which name a user stands.
    #[must_use]
    pub fn name(&self, user: User) -> Name {
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
        Ok(self.records.store.read(name).await?.map(|(record, _)| record))
    }

    /// Looks after one record. With `ask`, ACS is asked whether it knows the identity: in the preview by reading it, else
    /// by a token of the least kind, which is thrown away.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn repair(&self, entry: &Entry, ask: bool) -> Result<Repaired, Error> {
        let (store, name) = (&self.records.store, entry.name);
        let witness: Witness = std::sync::Arc::new(|_, _| ());
        match store.read(name).await? {
            Some((Record::Leaving(id), version)) => {
                end(self.acs, &id, &witness).await?;
                store.write(name, &Record::Forgotten, Some(version)).await?;
                Ok(Repaired::Ended)
            }
            Some((Record::Identity(id), version)) if ask && self.is_gone(&id).await? => {
                let written = store.write(name, &Record::Forgotten, Some(version)).await?;
                Ok(if written { Repaired::Dropped } else { Repaired::Fine })
            }
            Some((Record::Forgotten, _)) if is_old(entry.written_at) => {
                store.remove(name).await?;
                Ok(Repaired::Removed)
            }
            _ => Ok(Repaired::Fine),
        }
    }

    async fn is_gone(&self, id: &IdentityId) -> Result<bool, Error> {
        let answer = if self.acs.has_custom_ids() {
            self.acs.get_identity(id).await.map(|_| ())
        } else {
            match TokenRequest::new(vec![Scope::VoipJoin], Some(Validity::MIN)) {
                Ok(least) => self.acs.issue_token(id, &least).await.map(|_| ()),
                Err(_) => Ok(()),
            }
        };
        match answer {
            Err(error) if error.is_identity_gone() => Ok(true),
            answer => Ok(answer.map(|()| false)?),
        }
    }
}

fn is_old(written_at: Timestamp) -> bool {
    Timestamp::now().duration_since(written_at).unsigned_abs() > GRACE && written_at < Timestamp::now()
}
