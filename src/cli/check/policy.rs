//! Lists where chat scopes are granted, because Microsoft retires ACS Chat.

use super::report::Finding;
use crate::access::policy::Policy;

/// The end of Chat, with its source in docs/retirement.md.
const OF_USE: &str = "of use until 2028-09-30, when Microsoft retires ACS Chat (docs/retirement.md)";

pub(super) fn examine(policy: &Policy) -> Vec<Finding> {
    let grants = policy.chat_grants().into_iter().map(|(entry, scopes)| {
        let scopes: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
        format!("{entry} grants {}", scopes.join(", "))
    });
    let no_limit = "back ends without an entry under `keys` may have chat scopes".to_owned();
    grants.chain([no_limit]).map(|grant| Finding::ok("policy", format!("{grant}: {OF_USE}"))).collect()
}
