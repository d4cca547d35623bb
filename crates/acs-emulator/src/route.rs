//! Which operation a request names, and which api-versions know it.

use http::Method;
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};

use super::api_error::ApiError;
use acs_identity::types::Scope;

/// The operations of ACS Identity that the emulator plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Operation {
    CreateIdentity,
    DeleteIdentity,
    IssueToken,
    RevokeTokens,
    ExchangeTeamsToken,
}

impl Operation {
    /// The name at the control API: that of the function which calls it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::CreateIdentity => "create-identity",
            Self::DeleteIdentity => "delete-identity",
            Self::IssueToken => "issue-token",
            Self::RevokeTokens => "revoke-tokens",
            Self::ExchangeTeamsToken => "exchange-teams-token",
        }
    }
}

/// An operation, and the identity that the path names, if it names one.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) operation: Operation,
    pub(super) identity: String,
}

impl Route {
    /// Reads method and path. Ids come literal (`8:acs:…`) and percent-encoded (`8%3Aacs%3A…`); both name the same.
    pub(super) fn of(method: &Method, path: &str) -> Result<Self, ApiError> {
        use Operation::{CreateIdentity, DeleteIdentity, ExchangeTeamsToken, IssueToken, RevokeTokens};
        let segments: Vec<String> =
            path.split('/').skip(1).map(|segment| percent_decode_str(segment).decode_utf8_lossy().into()).collect();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let post = |operation| if method == Method::POST { Ok(operation) } else { Err("POST") };
        let (operation, identity) = match segments[..] {
            ["identities"] => (post(CreateIdentity), ""),
            ["identities", id] if !id.is_empty() => {
                (if method == Method::DELETE { Ok(DeleteIdentity) } else { Err("DELETE") }, id)
            }
            ["identities", id, ":issueAccessToken"] => (post(IssueToken), id),
            ["identities", id, ":revokeAccessTokens"] => (post(RevokeTokens), id),
            ["teamsUser", ":exchangeAccessToken"] => (post(ExchangeTeamsToken), ""),
            _ => return Err(ApiError::NoRoute),
        };
        let operation = operation.map_err(ApiError::MethodNotAllowed)?;
        Ok(Self { operation, identity: identity.to_owned() })
    }
}

/// An api-version that the emulator knows. Their order is that of their dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version(&'static str);

/// Every stable version.
const VERSIONS: [Version; 6] = [
    Version("2021-03-07"),
    Version("2022-06-01"),
    Version("2022-10-01"),
    Version("2023-10-01"),
    Version("2025-06-30"),
    Version("2026-09-23"),
];

impl Version {
    /// Finds the version in a query, and whether it has the operation. `url` is shown in the error.
    pub(super) fn of(query: &str, operation: Operation, url: &str) -> Result<Self, ApiError> {
        let asked = query
            .split('&')
            .find_map(|pair| pair.strip_prefix("api-version="))
            .map(|value| percent_decode_str(value).decode_utf8_lossy())
            .filter(|value| !value.is_empty())
            .ok_or(ApiError::NoVersion)?;
        VERSIONS
            .into_iter()
            .find(|version| version.0 == asked && version.has(operation))
            .ok_or_else(|| ApiError::UnsupportedVersion { url: url.to_owned(), version: asked.into_owned() })
    }

    fn has(self, operation: Operation) -> bool {
        match operation {
            Operation::ExchangeTeamsToken => self >= Self("2022-06-01"),
            _ => true,
        }
    }

    /// The versions of an operation's route, as the header `api-supported-versions` lists them.
    pub(super) fn supporting(operation: Operation) -> String {
        let names = VERSIONS.iter().filter(|version| version.has(operation)).map(|version| version.0);
        names.collect::<Vec<_>>().join(", ")
    }

    /// Whether `expiresInMinutes` means anything; older versions ignore it.
    pub(super) fn has_lifetimes(self) -> bool {
        self >= Self("2022-10-01")
    }

    pub(super) fn has_scope(self, scope: Scope) -> bool {
        match scope {
            Scope::Chat | Scope::Voip => true,
            Scope::ChatJoin | Scope::ChatJoinLimited | Scope::VoipJoin => self >= Self("2023-10-01"),
        }
    }
}
