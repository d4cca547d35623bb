//! What holds for callers once they are known: policy, limits, and the pages that may call.

pub mod policy;
pub mod rate_limits;

use crate::http::allowed_origins::Cors;
use policy::Policy;
use rate_limits::Limits;

/// The rules. The [`Default`] is what holds out of the box.
#[derive(Debug, Default)]
pub struct AccessRules {
    /// Which tokens a caller may have.
    pub policy: Policy,
    /// How often a caller may call.
    pub limits: Limits,
    /// Which pages may call; `None` leaves that to the platform.
    pub cors: Option<Cors>,
}
