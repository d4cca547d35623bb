//! The kinds of problem, and the only place where a status is chosen.

use http::StatusCode;

/// What kind of problem it is. The name on the wire is a contract; the texts are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The body is empty.
    EmptyBody,
    /// The body is not JSON.
    MalformedJson,
    /// Fields are missing, unknown or wrong.
    InvalidFields,
    /// The id in the path is none.
    InvalidIdentityId,
    /// ACS refused the request's content.
    RefusedByAcs,
    /// There is more than one Authorization header.
    AmbiguousAuthorization,
    /// No or no good key or token.
    Unauthorized,
    /// ACS does not take the Teams user's token.
    TeamsTokenRefused,
    /// Known, but without the role or scope.
    Forbidden,
    /// The caller may not have what it asks for.
    BeyondPolicy,
    /// No function has this path.
    NotFound,
    /// The identity is not one of this ACS resource.
    IdentityNotFound,
    /// The path is right, the method is not.
    MethodNotAllowed,
    /// The body did not arrive in time.
    BodyTimeout,
    /// The body is longer than a request can be.
    BodyTooLarge,
    /// The body is not `application/json`, or is encoded.
    UnsupportedMediaType,
    /// The caller calls too often.
    RateLimited,
    /// ACS's limits are reached.
    Throttled,
    /// A bug of ours.
    Internal,
    /// The Functions host does not pass HTTP requests through.
    HostNotForwarding,
    /// The operator has not turned on what this needs.
    TurnedOff,
    /// ACS does not take our credential, or our api-version.
    Misconfigured,
    /// ACS answered with an error of its own, or with what is no answer.
    UpstreamFailed,
    /// ACS was not reached; nothing was done.
    UpstreamUnreachable,
    /// The issuer of a bearer token was not reached, so nobody can check it.
    IssuerUnreachable,
    /// The directory of people's identities was not reached, or did not answer in time.
    DirectoryUnavailable,
    /// Asked whether the credential works: it does not, or nobody can tell.
    NotReady,
    /// ACS did not answer in time.
    UpstreamTimeout,
}

impl Kind {
    /// Every kind, in the order of its status.
    pub const ALL: [Self; 28] = [
        Self::EmptyBody,
        Self::MalformedJson,
        Self::InvalidFields,
        Self::InvalidIdentityId,
        Self::RefusedByAcs,
        Self::AmbiguousAuthorization,
        Self::Unauthorized,
        Self::TeamsTokenRefused,
        Self::Forbidden,
        Self::BeyondPolicy,
        Self::NotFound,
        Self::IdentityNotFound,
        Self::MethodNotAllowed,
        Self::BodyTimeout,
        Self::BodyTooLarge,
        Self::UnsupportedMediaType,
        Self::RateLimited,
        Self::Throttled,
        Self::Internal,
        Self::HostNotForwarding,
        Self::TurnedOff,
        Self::Misconfigured,
        Self::UpstreamFailed,
        Self::UpstreamUnreachable,
        Self::IssuerUnreachable,
        Self::DirectoryUnavailable,
        Self::NotReady,
        Self::UpstreamTimeout,
    ];

    /// The code on the wire, the status, and the title.
    #[must_use]
    pub const fn parts(self) -> (&'static str, StatusCode, &'static str) {
        match self {
            Self::EmptyBody => ("empty-body", StatusCode::BAD_REQUEST, "The request has no body"),
            Self::MalformedJson => ("malformed-json", StatusCode::BAD_REQUEST, "The body is not JSON"),
            Self::InvalidFields => ("invalid-fields", StatusCode::BAD_REQUEST, "Fields of the body are wrong"),
            Self::InvalidIdentityId => ("invalid-identity-id", StatusCode::BAD_REQUEST, "Not an identity id"),
            Self::RefusedByAcs => ("refused-by-acs", StatusCode::BAD_REQUEST, "ACS refused the request"),
            Self::AmbiguousAuthorization => {
                ("ambiguous-authorization", StatusCode::BAD_REQUEST, "More than one Authorization header")
            }
            Self::Unauthorized => ("unauthorized", StatusCode::UNAUTHORIZED, "Not authorized"),
            Self::TeamsTokenRefused => {
                ("teams-token-refused", StatusCode::UNAUTHORIZED, "The Teams user's token is not valid")
            }
            Self::Forbidden => ("forbidden", StatusCode::FORBIDDEN, "Not allowed"),
            Self::BeyondPolicy => ("beyond-policy", StatusCode::FORBIDDEN, "More than the caller may have"),
            Self::NotFound => ("not-found", StatusCode::NOT_FOUND, "No such function"),
            Self::IdentityNotFound => ("identity-not-found", StatusCode::NOT_FOUND, "No such identity"),
            Self::MethodNotAllowed => ("method-not-allowed", StatusCode::METHOD_NOT_ALLOWED, "Method not allowed"),
            Self::BodyTimeout => ("body-timeout", StatusCode::REQUEST_TIMEOUT, "The body did not arrive in time"),
            Self::BodyTooLarge => ("body-too-large", StatusCode::PAYLOAD_TOO_LARGE, "The body is too large"),
            Self::UnsupportedMediaType => {
                ("unsupported-media-type", StatusCode::UNSUPPORTED_MEDIA_TYPE, "The body is not application/json")
            }
            Self::RateLimited => ("rate-limited", StatusCode::TOO_MANY_REQUESTS, "The caller calls too often"),
            Self::Throttled => ("throttled", StatusCode::TOO_MANY_REQUESTS, "Too many requests"),
            Self::Internal => ("internal", StatusCode::INTERNAL_SERVER_ERROR, "Internal error"),
            Self::HostNotForwarding => {
                ("host-not-forwarding", StatusCode::INTERNAL_SERVER_ERROR, "The Functions host is not set up")
            }
            Self::TurnedOff => ("turned-off", StatusCode::NOT_IMPLEMENTED, "Not turned on here"),
            Self::Misconfigured => ("misconfigured", StatusCode::BAD_GATEWAY, "ACS does not take our calls"),
            Self::UpstreamFailed => ("upstream-failed", StatusCode::BAD_GATEWAY, "ACS failed"),
            Self::UpstreamUnreachable => ("upstream-unreachable", StatusCode::BAD_GATEWAY, "ACS was not reached"),
            Self::IssuerUnreachable => {
                ("issuer-unreachable", StatusCode::SERVICE_UNAVAILABLE, "The token's issuer was not reached")
            }
            Self::DirectoryUnavailable => {
                ("directory-unavailable", StatusCode::SERVICE_UNAVAILABLE, "The directory was not reached")
            }
            Self::NotReady => ("not-ready", StatusCode::SERVICE_UNAVAILABLE, "Not ready"),
            Self::UpstreamTimeout => ("upstream-timeout", StatusCode::GATEWAY_TIMEOUT, "ACS did not answer in time"),
        }
    }
}
