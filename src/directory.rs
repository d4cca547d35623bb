//! The user directory: the ACS identity of each signed-in user, and of each guest of a pass.
//!
//! An object store holds one record for each user. A record is replaced only if it has not changed since it was read. If
//! two processes create an identity for the same user at once, the second write fails: that process deletes its identity
//! and uses the recorded one. A request creates at most one identity: a write is repeated with the same one. Each process
//! caches identities for a minute. If a cached identity no longer exists, ACS says so, and the record is read again.

mod admin;
mod answer;
mod blocking;
mod error;
mod first_use;
mod guest_records;
mod guests;
mod http;
mod identity_cache;
mod import;
mod key;
mod open;
mod probe;
mod problem;
mod record;
mod rekey;
mod sealed_user;
mod slots;
mod store;
mod store_error;
mod store_location;
mod sweep;
mod user_locks;
mod user_records;

use std::sync::Arc;

use acs_identity::{
    IdentityClient,
    types::{AccessToken, IdentityId, TokenRequest},
};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

pub use admin::{DirectoryAdmin, RepairOutcome, RevokeOutcome};
pub use answer::StoreAnswer;
pub use blocking::BlockedUser;
pub use error::Error;
#[cfg(feature = "s3")]
pub(crate) use http::is_local;
pub use import::{ImportOutcome, RecordContent};
pub use key::{DirectoryKey, InvalidKey, InvalidName, RecordName, UserId};
#[cfg(all(feature = "cli", feature = "emulator"))]
pub(crate) use open::create_private;
pub use record::{Record, RecordEntry, State};
pub use rekey::RekeyOutcome;
pub use store_error::StoreError;
pub use store_location::{DirectorySettings, InvalidStoreLocation, StoreLocation};
pub use sweep::SweepOutcome;
pub use user_records::RecordSelector;

use crate::request_log;
use identity_cache::IdentityCache;
use slots::SlotCache;
use store::RecordStore;
use sweep::Sweep;
use user_locks::UserLocks;

/// Number of times a call starts over because another call has changed the user's record or identity.
const MAX_CONFLICTS: usize = 5;

/// The access token and the identity of a user or guest.
#[derive(Debug, Clone)]
pub struct Issued {
    /// The identity.
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
    cache: IdentityCache,
    user_locks: UserLocks,
    slots: SlotCache,
    sweep: Sweep,
}

/// An identity, with the requested token if the identity was just created.
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
        let (cache, slots, sweep) = (IdentityCache::default(), SlotCache::default(), Sweep::new(tasks.clone()));
        Ok(Self(Arc::new(Inner { acs, store, cache, user_locks: UserLocks::new(tasks), slots, sweep })))
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
        self.issue(RecordSelector::User(user), request).await
    }

    /// Issues a token for the identity of a record, as [`issue_token`](Self::issue_token).
    async fn issue(&self, owner: RecordSelector, request: &TokenRequest) -> Result<Issued, Error> {
        let mut missing = None;
        for _ in 0..MAX_CONFLICTS {
            let Resolved { id, token } = self.get_or_create(owner, missing, request).await?;
            if let Some(token) = token {
                return Ok(Issued { id, token });
            }
            match self.0.acs.issue_token(&id, request).await {
                Err(error) if error.is_identity_gone() => missing = Some(self.evict(owner, id)),
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
        let (owner, mut missing) = (RecordSelector::User(user), None);
        for _ in 0..MAX_CONFLICTS {
            let Some(id) = self.find(owner, missing.as_ref()).await? else { return Ok(None) };
            match self.0.acs.revoke_tokens(&id).await {
                Err(error) if error.is_identity_gone() => missing = Some(self.evict(owner, id)),
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
        self.delete(RecordSelector::User(user)).await
    }

    async fn delete(&self, owner: RecordSelector) -> Result<bool, Error> {
        let this = self.clone();
        let work = Box::pin(async move {
            this.0.cache.remove(owner);
            this.delete_recorded(owner).await
        });
        self.0.user_locks.run_detached(owner, work).await
    }

    /// Returns the identity of a record, or creates it with a token. `missing` is an identity that ACS does not have.
    async fn get_or_create(
        &self,
        owner: RecordSelector,
        missing: Option<IdentityId>,
        request: &TokenRequest,
    ) -> Result<Resolved, Error> {
        if let Some(id) = self.0.cache.get(owner) {
            return Ok(Resolved { id, token: None });
        }
        let (this, request) = (self.clone(), request.clone());
        let work = Box::pin(async move {
            if let Some(id) = this.0.cache.get(owner) {
                return Ok(Resolved { id, token: None });
            }
            let read_at = Instant::now();
            let resolved = this.get_or_create_recorded(owner, missing.as_ref(), &request).await?;
            this.0.cache.put(owner, resolved.id.clone(), read_at);
            Ok(resolved)
        });
        self.0.user_locks.run_detached(owner, work).await
    }

    /// Returns the user's identity, `None` if there is none. `missing` is an identity that ACS does not have.
    async fn find(&self, owner: RecordSelector, missing: Option<&IdentityId>) -> Result<Option<IdentityId>, Error> {
        if let Some(id) = self.0.cache.get(owner) {
            return Ok(Some(id));
        }
        let found = {
            let _guard = self.0.user_locks.lock(owner).await;
            self.0.store.find(owner).await?
        };
        let Some((record, _)) = found else { return Ok(None) };
        match record.unless_blocked()? {
            State::Active(id) => Ok(Some(id).filter(|id| Some(id) != missing)),
            State::Deleting(_) => self.delete(owner).await.map(|_| None),
            State::Deleted => Ok(None),
        }
    }

    /// Marks the record, deletes the identity, then empties the record, so that any later call can complete the deletion.
    async fn delete_recorded(&self, owner: RecordSelector) -> Result<bool, Error> {
        let Inner { acs, store, .. } = &*self.0;
        for _ in 0..MAX_CONFLICTS {
            let Some((record, version)) = store.find(owner).await? else { return Ok(false) };
            match record.unless_blocked()? {
                // Whether or not this write succeeds, the next iteration acts on the current record.
                State::Active(id) => {
                    _ = store.replace(owner, &State::Deleting(id).into(), Some(version)).await?;
                }
                State::Deleting(id) => {
                    revoke_and_delete(acs, &id).await?;
                    // If this write conflicts, another call has completed the deletion or blocked the user.
                    store.replace(owner, &State::Deleted.into(), Some(version)).await?;
                    return Ok(true);
                }
                State::Deleted => return Ok(false),
            }
        }
        Err(Error::Contended)
    }

    /// Removes an identity from the cache and returns it.
    fn evict(&self, owner: RecordSelector, id: IdentityId) -> IdentityId {
        self.0.cache.evict(owner, &id);
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
