//! Why a token is not taken, in words that say what to look at and nothing of the token.

use http::{HeaderValue, header};

use crate::problem::{Kind, Problem};

/// Why a bearer token is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenError {
    /// There is none.
    NoToken,
    /// There are two Authorization headers.
    TwoHeaders,
    /// It is longer than any issuer makes them.
    TooLong,
    /// It has not the form of a signed JWT.
    NotAJwt,
    /// Its `typ` is that of something else than an access token.
    Type,
    /// It asks for extensions.
    Critical,
    /// Its algorithm is none that is taken.
    Algorithm,
    /// Its algorithm is none of its key.
    AlgorithmOfKey,
    /// It does not name its key.
    NoKeyId,
    /// The issuer has no such key.
    UnknownKey,
    /// The key did not sign it.
    Signature,
    /// It is of another issuer.
    Issuer,
    /// It is of another tenant.
    Tenant,
    /// It is for somebody else.
    Audience,
    /// It is over.
    Expired,
    /// It never ends.
    NoExpiry,
    /// It is not valid yet.
    NotYet,
    /// Its times are none.
    Times,
    /// It names nobody.
    Subject,
    /// It is of an application that has not the managing role.
    Application,
    /// It lacks the scope.
    Scope(String),
    /// The issuer's keys could not be fetched.
    Unreachable(String),
}

impl TokenError {
    const fn detail(&self) -> &'static str {
        match self {
            Self::NoToken => "Send a bearer token in the Authorization header.",
            Self::TwoHeaders => "Send one Authorization header; the request has several.",
            Self::TooLong => "The token is longer than 16384 bytes.",
            Self::NotAJwt => "The token is not a signed JWT: three parts in base64url, of which two are JSON objects.",
            Self::Type => "The token's typ is neither JWT nor at+jwt; send an access token.",
            Self::Critical => "The token's header has crit; no extension is known here.",
            Self::Algorithm => "The token's alg is not allowed; RS256, PS256, ES256 and EdDSA are.",
            Self::AlgorithmOfKey => "The token's alg does not fit the issuer's key that it names.",
            Self::NoKeyId => "The token's header has no kid, so it names none of the issuer's keys.",
            Self::UnknownKey => "The token's kid is none of the issuer's keys.",
            Self::Signature => "The token's signature is not that of the issuer's key.",
            Self::Issuer => "The token's iss is none of the issuers that this service trusts.",
            Self::Tenant => "The token's tid is not the tenant of its iss.",
            Self::Audience => "The token's aud is not this service; ask the issuer for a token for this one.",
            Self::Expired => "The token has expired; get a new one.",
            Self::NoExpiry => "The token has no exp.",
            Self::NotYet => "The token's nbf is in the future; compare the clocks.",
            Self::Times => "The token's exp or nbf is not a number of seconds.",
            Self::Subject => "The token has no sub, so it names nobody.",
            Self::Application => "The token is an application's, which lacks the role that this service asks of one.",
            Self::Scope(_) => "The token is good, but lacks the scope that WWW-Authenticate names.",
            Self::Unreachable(_) => "The token cannot be checked now: its issuer's keys could not be fetched.",
        }
    }
}

impl From<TokenError> for Problem {
    fn from(token_error: TokenError) -> Self {
        let detail = token_error.detail();
        let (kind, error) = match token_error {
            TokenError::Unreachable(cause) => {
                let retry_after = (header::RETRY_AFTER, HeaderValue::from_static("10"));
                return Self::new(Kind::IssuerUnreachable, detail)
                    .with_header(retry_after.0, retry_after.1)
                    .with_cause(cause);
            }
            TokenError::Scope(ref scope) => (Kind::Forbidden, format!("insufficient_scope\", scope=\"{scope}")),
            TokenError::Application => (Kind::Forbidden, "insufficient_scope".to_owned()),
            TokenError::TwoHeaders => (Kind::AmbiguousAuthorization, "invalid_request".to_owned()),
            _ => (Kind::Unauthorized, "invalid_token".to_owned()),
        };
        let challenge = format!("Bearer error=\"{error}\", error_description=\"{detail}\"");
        let problem = Self::new(kind, detail);
        // BearerSettings allow only the characters of RFC 6750 section 3 in a scope, and the details above have no others.
        match HeaderValue::try_from(challenge) {
            Ok(challenge) => problem.with_header(header::WWW_AUTHENTICATE, challenge),
            Err(_) => problem,
        }
    }
}
