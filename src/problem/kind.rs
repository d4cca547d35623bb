//! The kinds of problem, and the only place where a status is chosen.

use http::StatusCode;
use tracing::Level;

/// The parts that all problems of a kind have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts {
    /// The code in the response. It is a contract.
    pub code: &'static str,
    /// The status of the response. It is a contract.
    pub status: StatusCode,
    /// The title in the response. It may change.
    pub title: &'static str,
    /// The level of the request's log line: `ERROR` if the operator must act, `WARN` if something outside of this
    /// service failed.
    pub level: Level,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident: $code:literal, $status:ident, $level:ident, $title:literal;)*) => {
        /// The kind of a problem.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Kind {
            $($(#[$doc])* $kind,)*
        }

        impl Kind {
            /// All kinds, ordered by status.
            pub const ALL: &[Self] = &[$(Self::$kind),*];

            /// Returns the code, status, title and level.
            #[must_use]
            pub const fn parts(self) -> Parts {
                match self {
                    $(Self::$kind => {
                        Parts { code: $code, status: StatusCode::$status, title: $title, level: Level::$level }
                    })*
                }
            }
        }
    };
}

kinds! {
    /// The body is empty.
    EmptyBody: "empty-body", BAD_REQUEST, INFO, "The request has no body";
    /// The body is not a JSON object.
    MalformedJson: "malformed-json", BAD_REQUEST, INFO, "The body is not JSON";
    /// Fields are missing, unknown or invalid.
    InvalidFields: "invalid-fields", BAD_REQUEST, INFO, "Fields of the body are invalid";
    /// The path does not contain a valid identity id.
    InvalidIdentityId: "invalid-identity-id", BAD_REQUEST, INFO, "The identity id is invalid";
    /// The path does not contain the id of a pass.
    InvalidPassId: "invalid-pass-id", BAD_REQUEST, INFO, "The pass id is invalid";
    /// ACS rejected the content of the request.
    RefusedByAcs: "refused-by-acs", BAD_REQUEST, INFO, "ACS rejected the request";
    /// The path or the Host header is not that of a valid URL, or the path hides a delimiter.
    InvalidUrl: "invalid-url", BAD_REQUEST, INFO, "The URL is not valid";
    /// The event of AWS Lambda is no valid HTTP request.
    InvalidEvent: "invalid-event", BAD_REQUEST, INFO, "The event is not a valid HTTP request";
    /// The request has more than one Authorization header.
    AmbiguousAuthorization: "ambiguous-authorization", BAD_REQUEST, INFO, "More than one Authorization header";
    /// The request has no valid key or token.
    Unauthorized: "unauthorized", UNAUTHORIZED, INFO, "Not authenticated";
    /// The guest's pass is not one of this service.
    PassInvalid: "pass-invalid", UNAUTHORIZED, INFO, "The pass is not valid";
    /// The guest's pass has expired.
    PassExpired: "pass-expired", UNAUTHORIZED, INFO, "The pass has expired";
    /// The Teams user's Entra token is not valid.
    TeamsTokenRefused: "teams-token-refused", UNAUTHORIZED, INFO, "The Teams user's token is not valid";
    /// The caller is authenticated, but lacks the required role or scope.
    Forbidden: "forbidden", FORBIDDEN, INFO, "Not allowed";
    /// The request exceeds what the policy allows the caller.
    BeyondPolicy: "beyond-policy", FORBIDDEN, INFO, "The policy does not allow this";
    /// The operator has blocked the user.
    Blocked: "blocked", FORBIDDEN, INFO, "The user is blocked";
    /// Other guests have taken all uses of the pass.
    PassUsedUp: "pass-used-up", FORBIDDEN, INFO, "The pass is used up";
    /// A back end has ended the pass.
    PassEnded: "pass-ended", FORBIDDEN, INFO, "The pass was ended";
    /// The Teams user or the application has no assignment at the ACS resource.
    NotAssigned: "not-assigned", FORBIDDEN, INFO, "Not assigned to Teams Phone";
    /// The Teams user has no license for Teams Phone.
    LicenseMissing: "license-missing", FORBIDDEN, INFO, "No license for Teams Phone";
    /// ACS has no service principal in the Teams user's tenant.
    ServicePrincipalMissing: "service-principal-missing", FORBIDDEN, INFO, "ACS is not set up in the tenant";
    /// The ACS resource does not have Teams Phone.
    FeatureNotAllowed: "feature-not-allowed", FORBIDDEN, ERROR, "The ACS resource does not have Teams Phone";
    /// No function has this path.
    NotFound: "not-found", NOT_FOUND, INFO, "No such function";
    /// The identity does not exist in the ACS resource.
    IdentityNotFound: "identity-not-found", NOT_FOUND, INFO, "No such identity";
    /// The function does not support the method.
    MethodNotAllowed: "method-not-allowed", METHOD_NOT_ALLOWED, INFO, "Method not allowed";
    /// The body did not arrive in time.
    BodyTimeout: "body-timeout", REQUEST_TIMEOUT, INFO, "The body did not arrive in time";
    /// The body exceeds the limit.
    BodyTooLarge: "body-too-large", PAYLOAD_TOO_LARGE, INFO, "The body is too large";
    /// The body is not `application/json`, or is compressed.
    UnsupportedMediaType: "unsupported-media-type", UNSUPPORTED_MEDIA_TYPE, INFO, "The body is not application/json";
    /// The caller has reached its rate limit.
    RateLimited: "rate-limited", TOO_MANY_REQUESTS, INFO, "Rate limit reached";
    /// The limits of the ACS resource are reached.
    Throttled: "throttled", TOO_MANY_REQUESTS, WARN, "The limits of ACS are reached";
    /// An error in this service.
    Internal: "internal", INTERNAL_SERVER_ERROR, ERROR, "Internal error";
    /// The Functions host does not forward HTTP requests.
    HostNotForwarding: "host-not-forwarding", INTERNAL_SERVER_ERROR, ERROR, "The Functions host does not forward requests";
    /// The request needs a setting that the operator has not set.
    TurnedOff: "turned-off", NOT_IMPLEMENTED, INFO, "Not configured";
    /// ACS rejected this service's credential or api-version, or there is no credential.
    Misconfigured: "misconfigured", BAD_GATEWAY, ERROR, "This service is misconfigured";
    /// ACS answered with a server error, or with something that is not an ACS answer.
    UpstreamFailed: "upstream-failed", BAD_GATEWAY, WARN, "ACS failed";
    /// ACS could not be reached. Nothing was done.
    UpstreamUnreachable: "upstream-unreachable", BAD_GATEWAY, WARN, "ACS could not be reached";
    /// The token service that issues this service's credential for ACS is busy or cannot be reached.
    CredentialUnavailable: "credential-unavailable", SERVICE_UNAVAILABLE, WARN, "No credential for ACS now";
    /// The keys of a token's issuer could not be fetched.
    IssuerUnreachable: "issuer-unreachable", SERVICE_UNAVAILABLE, WARN, "The token's issuer could not be reached";
    /// The user directory could not be reached, or calls for the same user conflicted.
    DirectoryUnavailable: "directory-unavailable", SERVICE_UNAVAILABLE, WARN, "The user directory is not available";
    /// The readiness check failed.
    NotReady: "not-ready", SERVICE_UNAVAILABLE, WARN, "Not ready";
    /// ACS did not answer in time.
    UpstreamTimeout: "upstream-timeout", GATEWAY_TIMEOUT, WARN, "ACS did not answer in time";
}
