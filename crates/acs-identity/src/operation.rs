//! The operations of the API: method, path, expected status, and whether they can be repeated.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Method, StatusCode, Url};

use crate::{
    Endpoint, ErrorKind, ServiceError, TeamsPhoneUser, lacks_service_principal,
    retry::Idempotency,
    types::{ApiVersion, IdentityId},
};

/// RFC 3986 section 2.3: the unreserved characters. The colons of an id are encoded, as the official SDKs do.
const PATH_SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// An operation of ACS Identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    CreateIdentity,
    IssueToken,
    RevokeTokens,
    DeleteIdentity,
    ExchangeTeamsToken,
    ExchangeTeamsPhoneToken,
    PutTeamsPhoneAssignment(TeamsPhoneUser),
    GetTeamsPhoneAssignment(TeamsPhoneUser),
    DeleteTeamsPhoneAssignment(TeamsPhoneUser),
}

impl Operation {
    /// The name of the operation for observers.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::CreateIdentity => "create-identity",
            Self::IssueToken => "issue-token",
            Self::RevokeTokens => "revoke-tokens",
            Self::DeleteIdentity => "delete-identity",
            Self::ExchangeTeamsToken => "exchange-teams-token",
            Self::ExchangeTeamsPhoneToken => "exchange-teams-phone-token",
            Self::PutTeamsPhoneAssignment(_) => "put-teams-phone-assignment",
            Self::GetTeamsPhoneAssignment(_) => "get-teams-phone-assignment",
            Self::DeleteTeamsPhoneAssignment(_) => "delete-teams-phone-assignment",
        }
    }

    pub(crate) const fn method(self) -> Method {
        match self {
            Self::DeleteIdentity | Self::DeleteTeamsPhoneAssignment(_) => Method::DELETE,
            Self::PutTeamsPhoneAssignment(_) => Method::PUT,
            Self::GetTeamsPhoneAssignment(_) => Method::GET,
            _ => Method::POST,
        }
    }

    pub(crate) const fn idempotency(self) -> Idempotency {
        match self {
            Self::CreateIdentity => Idempotency::NotIdempotent,
            _ => Idempotency::Idempotent,
        }
    }

    pub(crate) const fn success(self) -> StatusCode {
        match self {
            Self::CreateIdentity => StatusCode::CREATED,
            Self::IssueToken
            | Self::ExchangeTeamsToken
            | Self::ExchangeTeamsPhoneToken
            | Self::PutTeamsPhoneAssignment(_)
            | Self::GetTeamsPhoneAssignment(_) => StatusCode::OK,
            Self::RevokeTokens | Self::DeleteIdentity | Self::DeleteTeamsPhoneAssignment(_) => StatusCode::NO_CONTENT,
        }
    }

    /// Returns whether the operation succeeded. A new assignment has another status than a replaced one.
    pub(crate) fn succeeds_with(self, status: StatusCode) -> bool {
        status == self.success() || (status == StatusCode::CREATED && matches!(self, Self::PutTeamsPhoneAssignment(_)))
    }

    const fn has_assignment(self) -> bool {
        matches!(
            self,
            Self::PutTeamsPhoneAssignment(_) | Self::GetTeamsPhoneAssignment(_) | Self::DeleteTeamsPhoneAssignment(_)
        )
    }

    const fn is_teams_phone(self) -> bool {
        self.has_assignment() || matches!(self, Self::ExchangeTeamsPhoneToken)
    }

    /// Returns the kind of an error response to this operation.
    pub(crate) fn error_kind(self, error: &ServiceError) -> ErrorKind {
        // Without a code, another server may have answered in place of ACS.
        let status = if error.code.is_empty() { 0 } else { error.status.as_u16() };
        match (self, error.kind, status) {
            // No recording has the code. Entra's message has a number.
            (_, _, 401 | 403) if self.is_teams_phone() && lacks_service_principal(&error.message) => {
                ErrorKind::ServicePrincipalMissing
            }
            // The user's token is the only credential of this request.
            (Self::ExchangeTeamsPhoneToken, ErrorKind::Denied | ErrorKind::Other, 401) => ErrorKind::InvalidAccessToken,
            // No recording has the code for a missing assignment.
            (Self::ExchangeTeamsPhoneToken, ErrorKind::Denied | ErrorKind::Other, 403) => ErrorKind::NotAssigned,
            (_, ErrorKind::Other, 404) if self.has_assignment() => ErrorKind::AssignmentNotFound,
            (_, kind, _) if self.can_fail_with(kind) => kind,
            _ => ErrorKind::Other,
        }
    }

    /// Returns whether ACS answers this operation with this kind of error.
    const fn can_fail_with(self, kind: ErrorKind) -> bool {
        match kind {
            ErrorKind::IdentityNotOwned | ErrorKind::IdentityNotFound => {
                matches!(self, Self::IssueToken | Self::RevokeTokens | Self::DeleteIdentity)
            }
            ErrorKind::InvalidAccessToken => matches!(self, Self::ExchangeTeamsToken | Self::ExchangeTeamsPhoneToken),
            ErrorKind::LicenseMissing | ErrorKind::NotAssigned => matches!(self, Self::ExchangeTeamsPhoneToken),
            ErrorKind::SubscriptionNotAllowed | ErrorKind::ServicePrincipalMissing => self.is_teams_phone(),
            ErrorKind::AssignmentNotFound => self.has_assignment(),
            ErrorKind::Denied
            | ErrorKind::ValidationError
            | ErrorKind::UnsupportedApiVersion
            | ErrorKind::Throttled
            | ErrorKind::Failed
            | ErrorKind::Other => true,
        }
    }

    /// Returns the request URL. The colon before an action is literal.
    pub(crate) fn url(self, endpoint: &Endpoint, identity: Option<&IdentityId>, version: &ApiVersion) -> Url {
        let mut path = match self {
            Self::ExchangeTeamsToken => "/teamsUser/:exchangeAccessToken".to_owned(),
            Self::ExchangeTeamsPhoneToken => "/access/teamsExtension/:exchangeAccessToken".to_owned(),
            Self::PutTeamsPhoneAssignment(user)
            | Self::GetTeamsPhoneAssignment(user)
            | Self::DeleteTeamsPhoneAssignment(user) => user.path(),
            _ => "/identities".to_owned(),
        };
        if let Some(id) = identity {
            path.push('/');
            path.extend(utf8_percent_encode(id.as_str(), PATH_SEGMENT));
        }
        path.push_str(match self {
            Self::IssueToken => "/:issueAccessToken",
            Self::RevokeTokens => "/:revokeAccessTokens",
            _ => "",
        });
        let mut url = endpoint.url().clone();
        url.set_path(&path);
        url.set_query(Some(&format!("api-version={}", version.as_str())));
        url
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_encodes_the_id_but_not_the_colon_of_the_action() {
        let endpoint = "http://127.0.0.1:7072".parse().unwrap();
        let id = "8:acs:2dee53b4-368b-45b4-ab52-8493fb117652_00000005-14a2-493b-8a72-5a3a0d000081";
        let encoded = "8%3Aacs%3A2dee53b4-368b-45b4-ab52-8493fb117652_00000005-14a2-493b-8a72-5a3a0d000081";
        for (operation, id, path) in [
            (Operation::CreateIdentity, None, "/identities".to_owned()),
            (Operation::IssueToken, Some(id), format!("/identities/{encoded}/:issueAccessToken")),
            (Operation::RevokeTokens, Some(id), format!("/identities/{encoded}/:revokeAccessTokens")),
            (Operation::DeleteIdentity, Some(id), format!("/identities/{encoded}")),
            (Operation::ExchangeTeamsToken, None, "/teamsUser/:exchangeAccessToken".to_owned()),
        ] {
            for version in ["2025-06-30", "2026-01-01-preview"] {
                let identity: Option<IdentityId> = id.map(|id| id.parse().unwrap());
                let url = operation.url(&endpoint, identity.as_ref(), &version.parse().unwrap());
                assert_eq!(url.as_str(), format!("http://127.0.0.1:7072{path}?api-version={version}"));
            }
        }
    }
}
