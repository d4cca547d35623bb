//! The values of the API as types that are valid by construction.
//!
//! <https://learn.microsoft.com/rest/api/communication/identity/communication-identity>.

mod id;

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Serialize, Serializer};

pub use id::{IdentityId, InvalidIdentityId};

/// A scope of access tokens: what the bearer may do.
///
/// <https://learn.microsoft.com/azure/communication-services/concepts/identity-model#access-tokens>
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// `chat`: full access to Chat.
    Chat,
    /// `voip`: full access to Calling.
    Voip,
    /// `chat.join`: Chat, but without creating, deleting or updating threads.
    ChatJoin,
    /// `chat.join.limited`: as `chat.join`, but without adding or removing participants.
    ChatJoinLimited,
    /// `voip.join`: Calling, but without starting calls.
    VoipJoin,
}

/// The error for a text that is not a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a scope; the scopes are chat, voip, chat.join, chat.join.limited, voip.join")]
pub struct UnknownScope;

impl Scope {
    /// All scopes, in the order of the REST API.
    pub const ALL: [Self; 5] = [Self::Chat, Self::Voip, Self::ChatJoin, Self::ChatJoinLimited, Self::VoipJoin];

    /// Returns the name in the REST API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Voip => "voip",
            Self::ChatJoin => "chat.join",
            Self::ChatJoinLimited => "chat.join.limited",
            Self::VoipJoin => "voip.join",
        }
    }
}

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text).ok_or(UnknownScope)
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The lifetime of an access token: 60 to 1440 minutes. The default of ACS is 1440.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct TokenLifetime(u16);

/// The error for a lifetime outside 60 to 1440 minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a token lives 60 to 1440 minutes")]
pub struct InvalidTokenLifetime;

impl TokenLifetime {
    /// The shortest lifetime: an hour.
    pub const MIN: Self = Self(60);
    /// The longest lifetime, and the default of ACS: a day.
    pub const MAX: Self = Self(1440);

    /// Creates a lifetime from a number of minutes.
    ///
    /// # Errors
    /// [`InvalidTokenLifetime`] outside 60 to 1440.
    pub fn from_minutes(minutes: i64) -> Result<Self, InvalidTokenLifetime> {
        u16::try_from(minutes)
            .ok()
            .map(Self)
            .filter(|lifetime| (Self::MIN..=Self::MAX).contains(lifetime))
            .ok_or(InvalidTokenLifetime)
    }

    /// Returns the lifetime in minutes.
    #[must_use]
    pub const fn minutes(self) -> u16 {
        self.0
    }
}

/// The scopes and lifetime of a requested access token: at least one scope, none twice, and an optional lifetime.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRequest {
    scopes: Vec<Scope>,
    lifetime: Option<TokenLifetime>,
}

/// The error for an invalid list of scopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidScopes {
    /// The list is empty.
    #[error("name at least one scope")]
    Empty,
    /// A scope is in the list twice.
    #[error("the scope {0} is named twice")]
    Repeated(Scope),
}

impl TokenRequest {
    /// Creates a request. If `lifetime` is `None`, ACS uses its default.
    ///
    /// # Errors
    /// [`InvalidScopes`] for an empty list or a repeated scope.
    pub fn new(scopes: Vec<Scope>, lifetime: Option<TokenLifetime>) -> Result<Self, InvalidScopes> {
        if scopes.is_empty() {
            return Err(InvalidScopes::Empty);
        }
        match scopes.iter().enumerate().find(|(i, scope)| scopes[..*i].contains(scope)) {
            Some((_, scope)) => Err(InvalidScopes::Repeated(*scope)),
            None => Ok(Self { scopes, lifetime }),
        }
    }

    /// Returns the scopes.
    #[must_use]
    pub fn scopes(&self) -> &[Scope] {
        &self.scopes
    }

    /// Returns the lifetime.
    #[must_use]
    pub const fn lifetime(&self) -> Option<TokenLifetime> {
        self.lifetime
    }
}

/// An access token and its expiry. `Debug` leaves out the token.
#[derive(Clone)]
pub struct AccessToken {
    token: SecretString,
    expires_on: Timestamp,
}

impl AccessToken {
    /// Creates an access token. `expires_on` is the `expiresOn` of ACS: tokens of Entra users are encrypted, so that the
    /// expiry cannot be read from the token.
    #[must_use]
    pub const fn new(token: SecretString, expires_on: Timestamp) -> Self {
        Self { token, expires_on }
    }

    /// Returns the token itself, a secret.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.token.expose_secret()
    }

    /// Returns the time when the token expires.
    #[must_use]
    pub const fn expires_on(&self) -> Timestamp {
        self.expires_on
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessToken").field("expires_on", &self.expires_on).finish_non_exhaustive()
    }
}

/// Formats a time as ACS does: ISO 8601 with `+00:00` and up to seven decimals, without zeros at their end, such as
/// `2025-07-10T21:39:39.3244584+00:00`.
#[must_use]
pub fn format_timestamp(at: Timestamp) -> String {
    let text = at.strftime("%Y-%m-%dT%H:%M:%S%.7f").to_string();
    format!("{}+00:00", text.trim_end_matches('0').trim_end_matches('.'))
}

/// A version of the REST API: a date, optionally followed by `-preview`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiVersion(String);

/// The error for a text that is not an API version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an api-version; one looks like 2025-06-30 or 2025-03-02-preview")]
pub struct InvalidApiVersion;

impl ApiVersion {
    /// The default version of this client.
    pub const DEFAULT: &str = "2025-06-30";

    /// Returns the version as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for ApiVersion {
    fn default() -> Self {
        Self(Self::DEFAULT.to_owned())
    }
}

impl FromStr for ApiVersion {
    type Err = InvalidApiVersion;

    fn from_str(text: &str) -> Result<Self, InvalidApiVersion> {
        let date = text.strip_suffix("-preview").unwrap_or(text);
        // jiff also accepts 20250630; ACS does not.
        let dashed = date.len() == 10 && date.as_bytes()[4] == b'-' && date.as_bytes()[7] == b'-';
        if dashed && date.parse::<jiff::civil::Date>().is_ok() {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidApiVersion)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_up_to_seven_decimals_without_zeros_at_their_end() {
        for (time, text) in [
            ("2025-07-10T21:39:39.3244584Z", "2025-07-10T21:39:39.3244584+00:00"),
            // Recorded on 2024-03-20 and 2025-04-08; see tests/recorded.
            ("2024-03-20T23:17:59.490856Z", "2024-03-20T23:17:59.490856+00:00"),
            ("2025-04-08T01:46:17.23719Z", "2025-04-08T01:46:17.23719+00:00"),
            ("2025-07-10T21:39:39.324458499Z", "2025-07-10T21:39:39.3244584+00:00"),
            ("2025-07-10T21:39:39.00000009Z", "2025-07-10T21:39:39+00:00"),
            ("2025-07-10T21:39:30Z", "2025-07-10T21:39:30+00:00"),
            ("2025-07-10T20:00:00.5+01:00", "2025-07-10T19:00:00.5+00:00"),
        ] {
            assert_eq!(format_timestamp(time.parse().unwrap()), text);
        }
    }
}
