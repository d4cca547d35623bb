//! Which ACS identity belongs to which signed-in user.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use crate::acs::{
    self,
    types::{AccessToken, IdentityId, TokenRequest},
};

/// A signed-in user, as the hash by which callers tell them apart.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct User([u8; 32]);

impl From<[u8; 32]> for User {
    fn from(hash: [u8; 32]) -> Self {
        Self(hash)
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("User(…)")
    }
}

/// What is done to identities on a user's behalf, besides what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// An identity was made, at first use or in place of one that ACS does not know any more.
    Created,
    /// An identity was deleted: the user asked for it, or another call had made one for the same user first.
    Deleted,
}

/// Who is told of each deed, when it is done. A deed is done even if the caller has hung up.
pub type Witness = Arc<dyn Fn(Deed, &IdentityId) + Send + Sync>;

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
    Store(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Calls for the same user kept overtaking each other.
    #[error("other calls for the same user were in the way")]
    Contended,
}

/// The directory. Clones share it.
#[derive(Clone)]
pub struct Directory {
    acs: acs::Client,
    users: Arc<Mutex<HashMap<User, IdentityId>>>,
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Directory").finish_non_exhaustive()
    }
}

impl Directory {
    /// A directory in this process's memory, which ends with it: for tests.
    #[must_use]
    pub fn in_memory(acs: acs::Client) -> Self {
        Self { acs, users: Arc::default() }
    }

    /// A token for the user's own identity, which is made at first use.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn issue_token(&self, user: User, token: &TokenRequest, witness: &Witness) -> Result<Issued, Error> {
        let known = self.users.lock().unwrap_or_else(PoisonError::into_inner).get(&user).cloned();
        let id = match known {
            Some(id) => id,
            None => {
                let id = self.acs.create_identity(None).await?.id;
                witness(Deed::Created, &id);
                self.users.lock().unwrap_or_else(PoisonError::into_inner).entry(user).or_insert(id).clone()
            }
        };
        let token = self.acs.issue_token(&id, token).await?;
        Ok(Issued { id, token })
    }

    /// Ends all tokens of the user's identity, and says which it is; nothing if there is none.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn revoke_tokens(&self, user: User) -> Result<Option<IdentityId>, Error> {
        let known = self.users.lock().unwrap_or_else(PoisonError::into_inner).get(&user).cloned();
        if let Some(id) = &known {
            self.acs.revoke_tokens(id).await?;
        }
        Ok(known)
    }

    /// Ends the user's identity with all its tokens, and forgets whose it was. Tells whether there was anything to forget.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn forget(&self, user: User, witness: &Witness) -> Result<bool, Error> {
        let known = self.users.lock().unwrap_or_else(PoisonError::into_inner).remove(&user);
        if let Some(id) = &known {
            self.acs.delete_identity(id).await?;
            witness(Deed::Deleted, id);
        }
        Ok(known.is_some())
    }
}
