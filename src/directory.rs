//! The user directory: the ACS identity of each signed-in user.
//!
//! An object store holds one record for each user. A record is replaced only if it has not changed since it was read. If
//! two processes create an identity for the same user at once, the second write fails: that process deletes its identity
//! and uses the recorded one. Each process caches identities for a minute. If a cached identity no longer exists, ACS says
//! so, and the record is read again.

mod admin;
mod blocking;
mod error;
mod http;
mod identity_cache;
mod key;
mod open;
mod probe;
mod problem;
mod record;
mod store;
mod store_location;
mod user_locks;

use std::sync::Arc;

use acs_identity::{
    CreatedIdentity, IdentityClient,
    types::{AccessToken, IdentityId, TokenRequest},
};
use object_store::ObjectMeta;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

pub use admin::{DirectoryAdmin, RepairOutcome, RevokeOutcome};
pub use blocking::BlockedUser;
pub use error::Error;
pub use key::{DirectoryKey, InvalidKey, InvalidName, RecordName, UserId};
#[cfg(all(feature = "cli", feature = "emulator"))]
pub(crate) use open::create_private;
pub use record::{Record, RecordEntry, State};
pub use store::StoreError;
pub use store_location::{DirectorySettings, InvalidStoreLocation, StoreLocation};

use crate::request_log;
use identity_cache::IdentityCache;
use store::RecordStore;
use user_locks::UserLocks;

/// Number of times a call starts over because another call has changed the user's record or identity.
const MAX_CONFLICTS: usize = 5;

/// A user's access token and identity.
#[derive(Debug, Clone)]
pub struct Issued {
    /// The user's identity.
    pub id: IdentityId,
    /// The token.
    pub token: AccessToken,
}

/// The user directory. Clones share one cache.
#[derive(Debug, Clone)]
pub struct Directory(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    acs: IdentityClient,
    store: RecordStore,
    key: DirectoryKey,
    cache: IdentityCache,
    user_locks: UserLocks,
}

/// A user's identity, with the requested token if the identity was just created.
struct Resolved {
    id: IdentityId,
    token: Option<AccessToken>,
}

impl Directory {
    /// Opens the directory without a request to a remote store. A program waits for `tasks` before it ends.
    ///
    /// # Errors
    /// Returns an error if the folder cannot be created or the HTTP client cannot be built.
    pub fn open(settings: &DirectorySettings, acs: IdentityClient, tasks: TaskTracker) -> Result<Self, StoreError> {
        let store = open::open(settings, acs.http_client())?;
        let (key, cache, user_locks) = (settings.key.clone(), IdentityCache::default(), UserLocks::new(tasks));
        Ok(Self(Arc::new(Inner { acs, store, key, cache, user_locks })))
    }

    /// Reads a record that does not exist, to check that the store can be read.
    ///
    /// # Errors
    /// Returns the error of the store.
    pub async fn try_read(&self) -> Result<(), StoreError> {
        self.0.store.try_read().await
    }

    /// Issues a token for the user's identity. Creates the identity at first use.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn issue_token(&self, user: UserId, request: &TokenRequest) -> Result<Issued, Error> {
        let mut missing = None;
        for _ in 0..MAX_CONFLICTS {
            let Resolved { id, token } = self.get_or_create(user, missing, request).await?;
            if let Some(token) = token {
                return Ok(Issued { id, token });
            }
            match self.0.acs.issue_token(&id, request).await {
                Err(error) if error.is_identity_gone() => missing = Some(self.evict(user, id)),
                token => return Ok(Issued { token: token?, id }),
            }
        }
        Err(Error::Contended)
    }

    /// Revokes all tokens of the user's identity. Returns the identity, `None` if the user has none.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn revoke_tokens(&self, user: UserId) -> Result<Option<IdentityId>, Error> {
        let mut missing = None;
        for _ in 0..MAX_CONFLICTS {
            let Some(id) = self.find(user, missing.as_ref()).await? else { return Ok(None) };
            match self.0.acs.revoke_tokens(&id).await {
                Err(error) if error.is_identity_gone() => missing = Some(self.evict(user, id)),
                answer => return Ok(answer.map(|()| Some(id))?),
            }
        }
        Err(Error::Contended)
    }

    /// Deletes the user's identity with all its tokens. Returns whether there was one.
    ///
    /// The deletion completes even if the caller disconnects. If the process is killed, the next call that reads the
    /// record completes it.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn delete_user(&self, user: UserId) -> Result<bool, Error> {
        let this = self.clone();
        let work = async move {
            this.0.cache.remove(user);
            this.delete_recorded(user).await
        };
        self.0.user_locks.run_detached(user, work).await
    }

    /// Returns the user's identity, or creates it with a token. `missing` is an identity that ACS does not have.
    async fn get_or_create(
        &self,
        user: UserId,
        missing: Option<IdentityId>,
        request: &TokenRequest,
    ) -> Result<Resolved, Error> {
        if let Some(id) = self.0.cache.get(user) {
            return Ok(Resolved { id, token: None });
        }
        let (this, request) = (self.clone(), request.clone());
        let work = async move {
            if let Some(id) = this.0.cache.get(user) {
                return Ok(Resolved { id, token: None });
            }
            let read_at = Instant::now();
            let resolved = this.get_or_create_recorded(user, missing.as_ref(), &request).await?;
            this.0.cache.put(user, resolved.id.clone(), read_at);
            Ok(resolved)
        };
        self.0.user_locks.run_detached(user, work).await
    }

    /// Returns the user's identity, `None` if there is none. `missing` is an identity that ACS does not have.
    async fn find(&self, user: UserId, missing: Option<&IdentityId>) -> Result<Option<IdentityId>, Error> {
        if let Some(id) = self.0.cache.get(user) {
            return Ok(Some(id));
        }
        let found = {
            let _guard = self.0.user_locks.lock(user).await;
            self.0.store.read(self.name(user)).await?
        };
        let Some((record, _)) = found else { return Ok(None) };
        match record.unless_blocked()? {
            State::Active(id) => Ok(Some(id).filter(|id| Some(id) != missing)),
            State::Deleting(_) => self.delete_user(user).await.map(|_| None),
            State::Deleted => Ok(None),
        }
    }

    async fn get_or_create_recorded(
        &self,
        user: UserId,
        missing: Option<&IdentityId>,
        request: &TokenRequest,
    ) -> Result<Resolved, Error> {
        let Inner { acs, store, .. } = &*self.0;
        for _ in 0..MAX_CONFLICTS {
            let (state, previous) = match store.read(self.name(user)).await? {
                Some((record, meta)) => (record.unless_blocked()?, Some(meta)),
                None => (State::Deleted, None),
            };
            match state {
                State::Active(id) if Some(&id) != missing => return Ok(Resolved { id, token: None }),
                State::Deleting(_) => {
                    self.delete_recorded(user).await?;
                    continue;
                }
                State::Active(_) | State::Deleted => {}
            }
            let CreatedIdentity { id, token } = acs.create_identity_with_token(request).await?;
            request_log::identity_created(&id);
            // A process that is killed here leaves an identity without a record.
            if self.record(user, &id, previous).await? {
                return Ok(Resolved { id, token: Some(token) });
            }
        }
        Err(Error::Contended)
    }

    /// Writes the record of a new identity. Deletes the identity if another call was first or the write fails.
    async fn record(&self, user: UserId, id: &IdentityId, previous: Option<ObjectMeta>) -> Result<bool, Error> {
        let Inner { acs, store, .. } = &*self.0;
        let (name, record) = (self.name(user), Record::from(State::Active(id.clone())));
        let written = store.write(name, &record, previous).await;
        // If the response to the write was lost, a retry fails because the record has changed.
        if matches!(written, Ok(true)) || matches!(store.read(name).await, Ok(Some((found, _))) if found == record) {
            return Ok(true);
        }
        if let Err(error) = revoke_and_delete(acs, id).await {
            let cause = acs_identity::causes(&error);
            tracing::warn!(cause, "could not delete an identity that has no record");
        }
        Ok(written?)
    }

    /// Marks the record, deletes the identity, then empties the record, so that any later call can complete the deletion.
    async fn delete_recorded(&self, user: UserId) -> Result<bool, Error> {
        let Inner { acs, store, .. } = &*self.0;
        let name = self.name(user);
        for _ in 0..MAX_CONFLICTS {
            let Some((record, meta)) = store.read(name).await? else { return Ok(false) };
            match record.unless_blocked()? {
                // Whether or not this write succeeds, the next iteration acts on the current record.
                State::Active(id) => _ = store.write(name, &State::Deleting(id).into(), Some(meta)).await?,
                State::Deleting(id) => {
                    revoke_and_delete(acs, &id).await?;
                    // If this write conflicts, another call has completed the deletion or blocked the user.
                    store.write(name, &State::Deleted.into(), Some(meta)).await?;
                    return Ok(true);
                }
                State::Deleted => return Ok(false),
            }
        }
        Err(Error::Contended)
    }

    fn name(&self, user: UserId) -> RecordName {
        RecordName::new(&self.0.key, user)
    }

    /// Removes an identity from the cache and returns it.
    fn evict(&self, user: UserId, id: IdentityId) -> IdentityId {
        self.0.cache.evict(user, &id);
        id
    }
}

/// Revokes the identity's tokens and deletes it. Succeeds if it does not exist.
async fn revoke_and_delete(acs: &IdentityClient, id: &IdentityId) -> Result<(), acs_identity::Error> {
    if let Err(error) = acs.revoke_tokens(id).await
        && !error.is_identity_gone()
    {
        return Err(error);
    }
    match acs.delete_identity(id).await {
        Err(error) if error.is_identity_gone() => Ok(()),
        answer => answer.map(|()| request_log::identity_deleted(id)),
    }
}
