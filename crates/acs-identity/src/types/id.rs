//! The id of a communication user.

use std::{fmt, str::FromStr};

/// The id of a communication user, such as
/// `8:acs:2dee53b4-368b-45b4-ab52-8493fb117652_00000005-14a2-493b-8a72-5a3a0d000081`.
///
/// The part before the first `_` names the ACS resource; the rest is opaque. An id has only letters, digits, `-`, `_` and
/// `:`, so that it cannot change the rest of a URL.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct IdentityId(String);

/// The error for a text that is not the id of a communication user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an ACS identity id; one looks like '8:acs:<resource guid>_<user guid>'")]
pub struct InvalidIdentityId;

impl IdentityId {
    /// The maximum length in characters. Real ids have 81 to about 160.
    pub const MAX_LENGTH: usize = 256;

    /// Returns the id of an identity that no resource has. Revoking its tokens changes nothing.
    pub(crate) fn nil() -> Self {
        Self("8:acs:00000000-0000-0000-0000-000000000000_00000000-0000-0000-0000-000000000000".to_owned())
    }

    /// Returns the id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for IdentityId {
    type Err = InvalidIdentityId;

    /// Parses `8:<cloud>:<resource>_<user>`. The cloud is `acs`, `<name>-acs` or the legacy `spool`.
    fn from_str(text: &str) -> Result<Self, InvalidIdentityId> {
        let rest = text.strip_prefix("8:").ok_or(InvalidIdentityId)?;
        let (cloud, name) = rest.split_once(':').ok_or(InvalidIdentityId)?;
        let known_cloud = match cloud.strip_suffix("-acs") {
            Some(prefix) => !prefix.is_empty() && prefix.bytes().all(|b| b.is_ascii_lowercase()),
            None => cloud == "acs" || cloud == "spool",
        };
        let word = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let parts = name.split('_').count();
        if known_cloud && text.len() <= Self::MAX_LENGTH && parts >= 2 && name.split('_').all(word) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidIdentityId)
        }
    }
}

impl fmt::Display for IdentityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for IdentityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
