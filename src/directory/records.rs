//! A directory of records, one for each user.
//!
//! A record is replaced only as it was read, so that of two calls at the same moment one is told that the other was
//! first. It deletes the identity that it made, and goes by the other's.

use super::{
    Error, Issued, Key, Name, ROUNDS, Record, Resolved, UserId, end,
    store::{Store, Version},
};
use crate::{
    acs::{
        self,
        types::{IdentityId, TokenRequest},
    },
    request_log,
};

#[derive(Debug, Clone)]
pub(super) struct Records {
    pub(super) store: Store,
    pub(super) key: Key,
}

impl Records {
    /// The user's identity, made with a token if there is none. `gone` is one that ACS does not know any more.
    pub(super) async fn settle(
        &self,
        acs: &acs::Client,
        user: UserId,
        gone: Option<&IdentityId>,
        token: &TokenRequest,
    ) -> Result<Resolved, Error> {
        let name = self.name(user);
        for _ in 0..ROUNDS {
            let version = match self.read(name).await? {
                Some((Record::Identity(id), _)) if Some(&id) != gone => return Ok(Resolved::Known(id)),
                Some((Record::Leaving(id), version)) => {
                    end(acs, &id).await?;
                    Some(version)
                }
                Some((Record::Identity(_) | Record::Forgotten, version)) => Some(version),
                None => None,
            };
            let created = acs.create_identity(Some(token)).await?;
            request_log::identity_created(&created.id);
            // Killed here, the process leaves an identity that nobody knows of.
            if self.record(acs, name, &created.id, version).await? {
                return match created.token {
                    Some(token) => Ok(Resolved::Made(Issued { id: created.id, token })),
                    None => Ok(Resolved::Known(created.id)),
                };
            }
        }
        Err(Error::Contended)
    }

    /// Records a new identity as the user's. Where another call was first, or nothing can be recorded, the identity is
    /// deleted again.
    async fn record(
        &self,
        acs: &acs::Client,
        name: Name,
        id: &IdentityId,
        over: Option<Version>,
    ) -> Result<bool, Error> {
        let record = Record::Identity(id.clone());
        let written = self.store.write(name, &record, over).await;
        if let Ok(true) = written {
            return Ok(true);
        }
        // The store may have written it and been tried again, or its answer lost on the way.
        if matches!(self.store.read(name).await, Ok(Some((found, _))) if found == record) {
            return Ok(true);
        }
        if let Err(error) = end(acs, id).await {
            let cause = acs::error::causes(&error);
            tracing::warn!(cause, "an identity that nobody knows of could not be deleted");
        }
        Ok(written?)
    }

    /// The user's identity, if there is one. `gone` is one that ACS does not know any more.
    pub(super) async fn find(
        &self,
        acs: &acs::Client,
        user: UserId,
        gone: Option<&IdentityId>,
    ) -> Result<Option<IdentityId>, Error> {
        match self.read(self.name(user)).await? {
            Some((Record::Identity(id), _)) => Ok(Some(id).filter(|id| Some(id) != gone)),
            Some((Record::Leaving(_), _)) => self.forget(acs, user).await.map(|_| None),
            Some((Record::Forgotten, _)) | None => Ok(None),
        }
    }

    /// Ends the user's identity: first it is noted that the user wants to leave, so that whoever calls next goes on with
    /// it, then the identity is ended, then forgotten.
    pub(super) async fn forget(&self, acs: &acs::Client, user: UserId) -> Result<bool, Error> {
        let name = self.name(user);
        for _ in 0..ROUNDS {
            let (id, version) = match self.read(name).await? {
                Some((Record::Identity(id), version)) => {
                    self.store.write(name, &Record::Leaving(id), Some(version)).await?;
                    // Read again, whoever wrote: what it says now is what counts.
                    continue;
                }
                Some((Record::Leaving(id), version)) => (id, version),
                Some((Record::Forgotten, _)) | None => return Ok(false),
            };
            end(acs, &id).await?;
            // Not written, another call has done the same, and maybe made the user's next identity.
            self.store.write(name, &Record::Forgotten, Some(version)).await?;
            return Ok(true);
        }
        Err(Error::Contended)
    }

    async fn read(&self, name: Name) -> Result<Option<(Record, Version)>, Error> {
        Ok(self.store.read(name).await?)
    }

    fn name(&self, user: UserId) -> Name {
        Name::of(&self.key, user)
    }
}
