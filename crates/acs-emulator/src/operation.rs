//! The operations of ACS Identity: their routes, and the api-versions that have them.

use http::Method;
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};

use crate::{api_error::ApiError, request::Received};
use acs_identity::types::Scope;

/// An operation that the emulator implements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Operation {
    CreateIdentity,
    DeleteIdentity,
    IssueToken,
    RevokeTokens,
    ExchangeTeamsToken,
    ExchangeTeamsPhoneToken,
    PutTeamsPhoneAssignment,
    GetTeamsPhoneAssignment,
    DeleteTeamsPhoneAssignment,
}

impl Operation {
    /// Returns the name in the control API, which is that of the client's operation.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::CreateIdentity => "create-identity",
            Self::DeleteIdentity => "delete-identity",
            Self::IssueToken => "issue-token",
            Self::RevokeTokens => "revoke-tokens",
            Self::ExchangeTeamsToken => "exchange-teams-token",
            Self::ExchangeTeamsPhoneToken => "exchange-teams-phone-token",
            Self::PutTeamsPhoneAssignment => "put-teams-phone-assignment",
            Self::GetTeamsPhoneAssignment => "get-teams-phone-assignment",
            Self::DeleteTeamsPhoneAssignment => "delete-teams-phone-assignment",
        }
    }
}

/// An operation, and the ids in its path or empty strings.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) operation: Operation,
    /// The identity, or the object id of an assignment.
    pub(crate) identity: String,
    /// The tenant of an assignment.
    pub(crate) tenant: String,
}

impl Route {
    /// Parses method and path. An id may be literal (`8:acs:…`) or percent-encoded (`8%3Aacs%3A…`).
    pub(crate) fn of(method: &Method, path: &str) -> Result<Self, ApiError> {
        use Operation::{
            CreateIdentity, DeleteIdentity, ExchangeTeamsPhoneToken, ExchangeTeamsToken, IssueToken, RevokeTokens,
        };
        let segments: Vec<String> =
            path.split('/').skip(1).map(|segment| percent_decode_str(segment).decode_utf8_lossy().into()).collect();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let post = |operation| if method == Method::POST { Ok(operation) } else { Err("POST") };
        let mut tenant = String::new();
        let (operation, identity) = match segments[..] {
            ["identities"] => (post(CreateIdentity), ""),
            ["identities", id] if !id.is_empty() => {
                (if method == Method::DELETE { Ok(DeleteIdentity) } else { Err("DELETE") }, id)
            }
            ["identities", id, ":issueAccessToken"] => (post(IssueToken), id),
            ["identities", id, ":revokeAccessTokens"] => (post(RevokeTokens), id),
            ["teamsUser", ":exchangeAccessToken"] => (post(ExchangeTeamsToken), ""),
            ["access", "teamsExtension", ":exchangeAccessToken"] => (post(ExchangeTeamsPhoneToken), ""),
            ["access", "teamsExtension", "tenants", of, "assignments", object] => {
                of.clone_into(&mut tenant);
                (assignment(method), object)
            }
            _ => return Err(ApiError::NoRoute),
        };
        let operation = operation.map_err(ApiError::MethodNotAllowed)?;
        Ok(Self { operation, identity: identity.to_owned(), tenant })
    }
}

/// Returns the operation on an assignment, or the allowed methods.
fn assignment(method: &Method) -> Result<Operation, &'static str> {
    match *method {
        Method::PUT => Ok(Operation::PutTeamsPhoneAssignment),
        Method::GET => Ok(Operation::GetTeamsPhoneAssignment),
        Method::DELETE => Ok(Operation::DeleteTeamsPhoneAssignment),
        _ => Err("GET, PUT, DELETE"),
    }
}

/// A supported api-version. Versions are ordered by date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version(&'static str);

/// Every stable version that ACS documents.
const VERSIONS: [Version; 6] = [
    Version("2021-03-07"),
    Version("2022-06-01"),
    Version("2022-10-01"),
    Version("2023-10-01"),
    Version("2025-06-30"),
    Version("2026-09-23"),
];

impl Version {
    /// Returns the version of a request for an operation.
    pub(crate) fn of(request: &Received, operation: Operation) -> Result<Self, ApiError> {
        let version = request.query("api-version").filter(|version| !version.is_empty()).ok_or(ApiError::NoVersion)?;
        let supported = VERSIONS.into_iter().find(|known| known.0 == version && known.has(operation));
        supported.ok_or_else(|| {
            let url = format!("{}{}", request.origin(), request.path());
            ApiError::UnsupportedVersion { url, version: version.into_owned() }
        })
    }

    fn has(self, operation: Operation) -> bool {
        match operation {
            Operation::ExchangeTeamsToken => self >= Self("2022-06-01"),
            Operation::ExchangeTeamsPhoneToken
            | Operation::PutTeamsPhoneAssignment
            | Operation::GetTeamsPhoneAssignment
            | Operation::DeleteTeamsPhoneAssignment => self >= Self("2025-06-30"),
            _ => true,
        }
    }

    /// Returns the versions that have an operation, as in the header `api-supported-versions`.
    pub(crate) fn supporting(operation: Operation) -> String {
        let names = VERSIONS.iter().filter(|version| version.has(operation)).map(|version| version.0);
        names.collect::<Vec<_>>().join(", ")
    }

    /// Returns whether the version has `expiresInMinutes`. Older versions ignore it.
    pub(crate) fn has_lifetimes(self) -> bool {
        self >= Self("2022-10-01")
    }

    /// Returns whether the version has a scope.
    pub(crate) fn has_scope(self, scope: Scope) -> bool {
        match scope {
            Scope::Chat | Scope::Voip => true,
            Scope::ChatJoin | Scope::ChatJoinLimited | Scope::VoipJoin => self >= Self("2023-10-01"),
        }
    }
}
