//! What holds for callers once they are known: policy, limits, and the pages that may call.

use super::{cors::Cors, limits::Limits, policy::Policy};

/// The rules. The [`Default`] is what holds out of the box.
#[derive(Debug, Default)]
pub struct Rules {
    /// Which tokens a caller may have.
    pub policy: Policy,
    /// How often a caller may call.
    pub limits: Limits,
    /// Which pages may call; `None` leaves that to the platform.
    pub cors: Option<Cors>,
}
