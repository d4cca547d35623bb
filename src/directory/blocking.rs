//! Blocks and unblocks users: the mark in the record, and the revocation of the tokens.

use acs_identity::{IdentityClient, types::IdentityId};

use super::{
    Directory, Error, Inner, MAX_CONFLICTS, Record, RecordSelector, State, UserId, revoke_and_delete,
    store::{RecordStore, Version},
};
use crate::request_log;

impl Directory {
    /// Blocks the user, then revokes all tokens of the user's identity. Other instances can issue tokens to the user until
    /// their cached entries are a minute old. Repeating it is harmless.
    ///
    /// It does not wait for other calls of the same user: a user must not be able to delay it.
    ///
    /// # Errors
    /// See [`Error`]. If the revocation failed, the user is blocked, and a repetition revokes the tokens.
    pub async fn block_user(&self, user: UserId) -> Result<(), Error> {
        let Inner { store, acs, cache, .. } = &*self.0;
        let user = RecordSelector::User(user);
        cache.remove(user);
        let blocked = block(store, acs, user).await;
        // Another call may have read the record before it was marked, and cached it since.
        cache.remove(user);
        blocked.map(drop)
    }

    /// Unblocks the user. Repeating it is harmless.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn unblock_user(&self, user: UserId) -> Result<(), Error> {
        unblock(&self.0.store, RecordSelector::User(user)).await.map(drop)
    }

    /// Returns an error if the user is blocked, as far as this instance knows.
    ///
    /// # Errors
    /// [`Error::Blocked`], or [`Error::Store`] if the record cannot be read.
    pub async fn check_not_blocked(&self, user: UserId) -> Result<(), Error> {
        if self.0.cache.get(RecordSelector::User(user)).is_none()
            && let Some((record, _)) = self.0.store.read_user(user).await?
        {
            record.unless_blocked()?;
        }
        Ok(())
    }
}

/// A user who was blocked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockedUser {
    /// The user's identity, whose tokens were revoked; `None` if there is none.
    pub identity: Option<IdentityId>,
    /// Whether the user had been blocked before.
    pub was_blocked: bool,
}

/// Marks the record as that of a blocked user, then revokes the tokens. Creates the record if there is none. With two keys,
/// marks both records of the user: while one key replaces the other, a process may use either.
///
/// After an error, the mark may be written and the tokens may be valid. A repetition revokes them.
pub(super) async fn block(
    store: &RecordStore,
    acs: &IdentityClient,
    selected: RecordSelector,
) -> Result<BlockedUser, Error> {
    let blocked = block_record(store, acs, selected).await?;
    for name in store.names_under_two_keys(selected) {
        if let Some((record, _)) = store.read(name).await?
            && !record.is_empty()
            && !record.blocked
        {
            block_record(store, acs, RecordSelector::Name(name)).await?;
        }
    }
    Ok(blocked)
}

async fn block_record(
    store: &RecordStore,
    acs: &IdentityClient,
    selected: RecordSelector,
) -> Result<BlockedUser, Error> {
    let mut was_blocked = true;
    for _ in 0..MAX_CONFLICTS {
        match store.find(selected).await? {
            Some((record, version)) if record.blocked => {
                let identity = record.identity().cloned();
                revoke(store, acs, selected, record, version).await?;
                return Ok(BlockedUser { identity, was_blocked });
            }
            // The mark comes first: an instance that reads the record after the revocation must not issue a token.
            // Whether or not this write succeeds, the next iteration acts on the current record.
            found => {
                was_blocked = false;
                let (record, previous) =
                    found.map_or((State::Deleted.into(), None), |(record, version)| (record, Some(version)));
                store.replace(selected, &Record { blocked: true, ..record }, previous).await?;
            }
        }
    }
    Err(Error::Contended)
}

/// Revokes the tokens of a blocked user, or completes the deletion of the identity.
async fn revoke(
    store: &RecordStore,
    acs: &IdentityClient,
    selected: RecordSelector,
    record: Record,
    version: Version,
) -> Result<(), Error> {
    match &record.state {
        State::Active(id) => match acs.revoke_tokens(id).await {
            Err(error) if error.is_identity_gone() => Ok(()),
            revoked => Ok(revoked?),
        },
        State::Deleting(id) => {
            revoke_and_delete(acs, id).await?;
            // If this write conflicts, another call has completed the deletion.
            store.replace(selected, &Record { state: State::Deleted, ..record }, Some(version)).await?;
            Ok(())
        }
        State::Deleted => Ok(()),
    }
}

/// Removes the mark from the record, with two keys from both. Returns whether the user was blocked.
pub(super) async fn unblock(store: &RecordStore, selected: RecordSelector) -> Result<bool, Error> {
    let mut was_blocked = unblock_record(store, selected).await?;
    for name in store.names_under_two_keys(selected) {
        was_blocked |= unblock_record(store, RecordSelector::Name(name)).await?;
    }
    Ok(was_blocked)
}

async fn unblock_record(store: &RecordStore, selected: RecordSelector) -> Result<bool, Error> {
    for _ in 0..MAX_CONFLICTS {
        match store.find(selected).await? {
            Some((record, version)) if record.blocked => {
                if let Some(id) = record.identity() {
                    request_log::record(|log| log.set_identity(id.as_str()));
                }
                if store.replace(selected, &Record { blocked: false, ..record }, Some(version)).await? {
                    return Ok(true);
                }
            }
            _ => return Ok(false),
        }
    }
    Err(Error::Contended)
}
