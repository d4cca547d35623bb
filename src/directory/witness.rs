//! Reports the identities that a directory creates and deletes.

use std::sync::Arc;

use acs_identity::types::IdentityId;

/// A change to an identity on a user's behalf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// An identity was created.
    Created,
    /// An identity was deleted.
    Deleted,
}

/// A function that is called after each change, even if the caller has disconnected.
pub type Witness = Arc<dyn Fn(Deed, &IdentityId) + Send + Sync>;
