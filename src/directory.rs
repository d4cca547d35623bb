//! Which ACS identity belongs to which signed-in user.
//!
//! An object store keeps one small object for each user. This process caches what it has read, up to a limit, and holds
//! nothing that another process would need: if a cached identity is out of date, ACS says that it is gone, and the
//! directory is read again.

mod http;
mod key;
mod open;
mod operate;
mod problem;
mod record;
mod records;
mod store;
mod store_location;
mod user_locks;

use std::{
    fmt,
    future::Future,
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use lru::LruCache;

pub use key::{InvalidKey, Key, Name};
pub use operate::{DirectoryAdmin, Repaired};
pub use record::Record;
pub use store::{Entry, Failure};
pub use store_location::{DirectorySettings, InvalidStoreLocation, StoreLocation};

use crate::{
    acs::{
        self,
        types::{AccessToken, IdentityId, TokenRequest},
    },
    request_log,
};
use records::Records;
use user_locks::UserLocks;

/// How many users' identities are kept in memory. Each takes about 250 bytes.
const KNOWN: NonZeroUsize = NonZeroUsize::new(10_000).unwrap();

/// How often a call starts over because another one, here or elsewhere, has changed what it had found.
const ROUNDS: usize = 5;

/// A signed-in user, as the hash by which callers tell them apart.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct UserId([u8; 32]);

impl From<[u8; 32]> for UserId {
    fn from(hash: [u8; 32]) -> Self {
        Self(hash)
    }
}

impl fmt::Debug for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserId(…)")
    }
}

/// A user's token, and whose it is.
#[derive(Debug, Clone)]
pub struct Issued {
    /// The user's identity.
    pub id: IdentityId,
    /// The token.
    pub token: AccessToken,
}

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// At ACS.
    #[error(transparent)]
    Acs(#[from] acs::Error),
    /// The directory's store was not reached, or answered with an error.
    #[error("the directory's store failed")]
    Store(#[from] Failure),
    /// Calls for the same user kept overtaking each other.
    #[error("other calls for the same user were in the way")]
    Contended,
}

/// The directory. Clones share it.
#[derive(Clone)]
pub struct Directory(Arc<Inner>);

struct Inner {
    acs: acs::Client,
    records: Records,
    known: Mutex<LruCache<UserId, IdentityId>>,
    user_locks: UserLocks,
}

/// What there is of a user, after it was made if need be.
enum Resolved {
    /// The user's identity.
    Known(IdentityId),
    /// An identity just made, with the token that was asked for.
    Made(Issued),
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Directory").finish_non_exhaustive()
    }
}

impl Directory {
    /// The directory that the settings name. Nothing is asked of a remote one yet.
    ///
    /// # Errors
    /// When its folder cannot be made, or the TLS library cannot be set up.
    pub fn open(settings: &DirectorySettings, acs: acs::Client) -> Result<Self, Failure> {
        let records = Records { store: open::open(settings, acs.http())?, key: settings.key.clone() };
        let known = Mutex::new(LruCache::new(KNOWN));
        Ok(Self(Arc::new(Inner { acs, records, known, user_locks: UserLocks::default() })))
    }

    /// A token for the user's own identity, which is made at first use.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn issue_token(&self, user: UserId, token: &TokenRequest) -> Result<Issued, Error> {
        let mut gone = None;
        for _ in 0..ROUNDS {
            let id = match self.known(user) {
                Some(id) => id,
                None => match self.settle(user, gone.take(), token).await? {
                    Resolved::Known(id) => id,
                    Resolved::Made(issued) => return Ok(issued),
                },
            };
            match self.0.acs.issue_token(&id, token).await {
                Err(error) if error.is_identity_gone() => gone = Some(self.evict(user, id)),
                token => return Ok(Issued { token: token?, id }),
            }
        }
        Err(Error::Contended)
    }

    /// Ends all tokens of the user's identity, and says which it is; nothing if there is none.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn revoke_tokens(&self, user: UserId) -> Result<Option<IdentityId>, Error> {
        let mut gone = None;
        for _ in 0..ROUNDS {
            let id = match self.known(user) {
                Some(id) => id,
                None => match self.find(user, gone.take()).await? {
                    Some(id) => id,
                    None => return Ok(None),
                },
            };
            match self.0.acs.revoke_tokens(&id).await {
                Err(error) if error.is_identity_gone() => gone = Some(self.evict(user, id)),
                answer => return Ok(answer.map(|()| Some(id))?),
            }
        }
        Err(Error::Contended)
    }

    /// Ends the user's identity with all its tokens, and forgets whose it was. Tells whether there was anything to forget.
    /// What was begun is finished even if the caller hangs up; if the process is killed, by the next call that looks here.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn forget(&self, user: UserId) -> Result<bool, Error> {
        let turn = self.0.user_locks.turn(user).await;
        let this = self.clone();
        run_detached(async move {
            let _turn = turn;
            this.cache().pop(&user);
            this.0.records.forget(&this.0.acs, user).await
        })
        .await
    }

    /// The user's identity, made with a token if there is none. `gone` is one that ACS does not know any more.
    async fn settle(&self, user: UserId, gone: Option<IdentityId>, token: &TokenRequest) -> Result<Resolved, Error> {
        let turn = self.0.user_locks.turn(user).await;
        if let Some(id) = self.known(user) {
            return Ok(Resolved::Known(id));
        }
        let (this, token) = (self.clone(), token.clone());
        run_detached(async move {
            let _turn = turn;
            let settled = this.0.records.settle(&this.0.acs, user, gone.as_ref(), &token).await?;
            let (Resolved::Known(id) | Resolved::Made(Issued { id, .. })) = &settled;
            this.cache().put(user, id.clone());
            Ok(settled)
        })
        .await
    }

    /// The user's identity, if there is one. `gone` is one that ACS does not know any more.
    async fn find(&self, user: UserId, gone: Option<IdentityId>) -> Result<Option<IdentityId>, Error> {
        let turn = self.0.user_locks.turn(user).await;
        let this = self.clone();
        run_detached(async move {
            let _turn = turn;
            let found = this.0.records.find(&this.0.acs, user, gone.as_ref()).await?;
            if let Some(id) = &found {
                this.cache().put(user, id.clone());
            }
            Ok(found)
        })
        .await
    }

    fn known(&self, user: UserId) -> Option<IdentityId> {
        self.cache().get(&user).cloned()
    }

    /// Drops what was known of the user, unless another call has cache better meanwhile.
    fn evict(&self, user: UserId, id: IdentityId) -> IdentityId {
        let mut known = self.cache();
        if known.peek(&user) == Some(&id) {
            known.pop(&user);
        }
        id
    }

    /// The memory, locked; never across an await.
    fn cache(&self) -> MutexGuard<'_, LruCache<UserId, IdentityId>> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends the identity with all its tokens. One that is gone already is as good.
async fn end(acs: &acs::Client, id: &IdentityId) -> Result<(), acs::Error> {
    match acs.revoke_tokens(id).await {
        Err(error) if !error.is_identity_gone() => return Err(error),
        _ => {}
    }
    delete(acs, id).await
}

/// Deletes the identity. One that is gone already is as good.
async fn delete(acs: &acs::Client, id: &IdentityId) -> Result<(), acs::Error> {
    match acs.delete_identity(id).await {
        Err(error) if error.is_identity_gone() => Ok(()),
        answer => answer.map(|()| request_log::identity_deleted(id)),
    }
}

/// Does it in a task of its own, which goes on when the caller hangs up or the deadline passes.
async fn run_detached<T: Send + 'static>(
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    let task = tokio::spawn(request_log::in_current(work));
    // Nothing comes back only if it panicked, and then what became of it is unknown.
    task.await.unwrap_or(Err(Error::Acs(acs::Error::TimedOut)))
}
