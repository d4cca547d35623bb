//! Authorization: which tokens a caller may have, and how often it may call.

pub mod policy;
pub mod rate_limits;

use policy::Policy;
use rate_limits::RateLimits;

/// The rules for callers. The [`Default`] is what applies without settings.
#[derive(Debug, Default)]
pub struct AccessRules {
    /// Which tokens a caller may have.
    pub policy: Policy,
    /// The rate limits of callers.
    pub rate_limits: RateLimits,
}
