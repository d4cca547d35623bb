//! Errors of the user directory.

use super::StoreError;

/// An error of the user directory.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A call to ACS failed.
    #[error(transparent)]
    Acs(#[from] acs_identity::Error),
    /// The directory's store failed.
    #[error("the store of USER_DIRECTORY failed")]
    Store(#[from] StoreError),
    /// Other calls for the same user changed the record each time.
    #[error("concurrent calls for the same user conflicted; try again")]
    Contended,
    /// The user is blocked. Nothing was done.
    #[error("the user is blocked")]
    Blocked,
    /// All uses of the pass are those of other guests. Nothing was done.
    #[error("all uses of the pass are those of other guests")]
    PassUsedUp,
    /// The pass was ended. No token was issued.
    #[error("the pass was ended")]
    PassEnded,
}
