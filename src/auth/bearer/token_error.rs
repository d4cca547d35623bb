//! Reasons to reject a bearer token. Their texts contain nothing of the token.

use std::time::Duration;

use http::{HeaderValue, header};
use jsonwebtoken::errors::ErrorKind;

use crate::problem::{Kind, Problem};

/// The reason why a bearer token is rejected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The request has several Authorization headers.
    #[error("The request has several Authorization headers; send one.")]
    TwoHeaders,
    /// The token is too long.
    #[error("The token is longer than 16384 bytes.")]
    TooLong,
    /// The token is not a signed JWT.
    #[error("The token is not a signed JWT: three parts in base64url, of which two are JSON objects.")]
    NotAJwt,
    /// The header has an unexpected `typ`.
    #[error("The token's typ is neither JWT nor at+jwt; send an access token.")]
    Type,
    /// The header requires extensions.
    #[error("The token's header has crit, but no extensions are supported.")]
    Critical,
    /// The token is signed with an unsupported algorithm.
    #[error("The token's alg is not supported; use RS256, PS256, ES256 or EdDSA.")]
    Algorithm,
    /// The algorithm does not fit the key.
    #[error("The token's alg does not fit the issuer's key with its kid.")]
    AlgorithmOfKey,
    /// The header has no `kid`.
    #[error("The token's header has no kid, which selects the issuer's key.")]
    NoKeyId,
    /// The issuer has no key with this id.
    #[error("The token's kid is not among the issuer's keys.")]
    UnknownKey,
    /// The signature is wrong.
    #[error("The token's signature does not match the issuer's key.")]
    Signature,
    /// The issuer is not configured.
    #[error("The token's iss is not an issuer that this service trusts.")]
    Issuer,
    /// The tenant is not that of the issuer.
    #[error("The token's tid is not the tenant of its iss.")]
    Tenant,
    /// The token is for another audience.
    #[error("The token's aud is not this service; request a token for this service from the issuer.")]
    Audience,
    /// The token has expired.
    #[error("The token has expired; get a new one.")]
    Expired,
    /// The token has no expiry.
    #[error("The token has no exp.")]
    NoExpiry,
    /// The token is not valid yet.
    #[error("The token's nbf is in the future; compare the clocks.")]
    NotYetValid,
    /// A time is not a number.
    #[error("The token's exp or nbf is not a number of seconds.")]
    Times,
    /// The client application is not one of those that may call.
    #[error("The token was issued to a client application that this service does not accept.")]
    Client,
    /// The token is bound to a key.
    #[error("The token is bound to a key (cnf), which this service cannot check; get a bearer token.")]
    Bound,
    /// The token is for another purpose than access to this service.
    #[error("The token is an ID token or another token that gives no access; send an access token for this service.")]
    NotAnAccessToken,
    /// The claims name an application and a user.
    #[error("The token has signs of an application and of a user, so it identifies neither.")]
    Ambiguous,
    /// The token has no subject.
    #[error("The token has no sub, so it identifies no caller.")]
    Subject,
    /// The token is from Entra and has no object id.
    #[error("The token has no oid, which identifies a caller from Entra; ask for the scope profile at sign-in.")]
    ObjectId,
    /// The token does not list the groups, because there are too many.
    #[error(
        "The token does not list the groups, because there are too many; the operator must use app roles, or only \
             the groups that are assigned to the application."
    )]
    TooManyGroups,
    /// The token is an application's and lacks the role of a back end, or its issuer is not named for back ends.
    #[error("The token is an application's, and it lacks the role of back ends, or its issuer may not name back ends.")]
    Application,
    /// The token is a user's and lacks the required scope.
    #[error("The token is valid, but it lacks the scope that WWW-Authenticate names.")]
    Scope(String),
    /// The issuer's keys could not be fetched, for this reason.
    #[error("The token cannot be validated now: the keys of its issuer could not be fetched.")]
    Unreachable {
        /// The cause, for the log.
        cause: String,
        /// The time after which a request can succeed.
        retry_after: Duration,
    },
}

impl From<jsonwebtoken::errors::Error> for TokenError {
    fn from(error: jsonwebtoken::errors::Error) -> Self {
        match error.kind() {
            ErrorKind::ExpiredSignature => Self::Expired,
            ErrorKind::ImmatureSignature => Self::NotYetValid,
            ErrorKind::InvalidIssuer => Self::Issuer,
            ErrorKind::InvalidSignature | ErrorKind::Base64(_) => Self::Signature,
            ErrorKind::InvalidClaimFormat(_) => Self::Times,
            _ => Self::NotAJwt,
        }
    }
}

impl From<TokenError> for Problem {
    fn from(token_error: TokenError) -> Self {
        let detail = token_error.to_string();
        let (kind, error) = match token_error {
            TokenError::Unreachable { cause, retry_after } => {
                // Rounded up: a request at the end of a shorter time would come too early.
                let seconds = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
                return Self::new(Kind::IssuerUnreachable, detail)
                    .with_header(header::RETRY_AFTER, HeaderValue::from(seconds))
                    .with_cause(cause);
            }
            TokenError::Scope(scope) => (Kind::Forbidden, format!("insufficient_scope\", scope=\"{scope}")),
            TokenError::Application | TokenError::Client | TokenError::TooManyGroups => {
                (Kind::Forbidden, "insufficient_scope".to_owned())
            }
            TokenError::TwoHeaders => (Kind::AmbiguousAuthorization, "invalid_request".to_owned()),
            _ => (Kind::Unauthorized, "invalid_token".to_owned()),
        };
        let challenge = format!("Bearer error=\"{error}\", error_description=\"{detail}\"");
        let problem = Self::new(kind, detail);
        // The settings allow only the characters of RFC 6750 section 3 in a scope, and the texts above have no others.
        match HeaderValue::try_from(challenge) {
            Ok(challenge) => problem.with_header(header::WWW_AUTHENTICATE, challenge),
            Err(_) => problem,
        }
    }
}
