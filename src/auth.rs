//! Authentication: identifies the caller of a request by function key, bearer token or guest pass.

pub mod bearer;
pub mod caller;
mod function_keys;
pub mod guest;

use http::{HeaderMap, HeaderName, HeaderValue, header};

pub use bearer::{Bearer, TokenError, TrustedIssuer};
pub use caller::{Caller, EntraAccount, Subject, User};
pub use function_keys::{CallerKey, KEY_HEADER};

use crate::problem::{Kind, Problem};

/// The challenge of RFC 6750 section 3.
const BEARER_CHALLENGE: HeaderValue = HeaderValue::from_static("Bearer");

const SEND_TOKEN: &str = "Send a bearer token in the Authorization header.";
const SEND_KEY_OR_TOKEN: &str =
    "Send a key of this service in an x-functions-key header, or a bearer token in the Authorization header.";
const BACK_ENDS_ONLY: &str = "The token is a signed-in user's, and this function is for back ends only. Send a key, or an \
                              application's token with the role of back ends.";
const USERS_ONLY: &str = "This function is for signed-in users only. An application creates identities with POST \
                          identities and issues their tokens with POST identities/{id}/tokens.";
const NO_ISSUER: &str =
    "This function is for signed-in users only, and sign-in is not configured: the operator must set OIDC_ISSUERS.";

/// The authentication of back ends.
#[derive(Debug, Clone)]
pub enum BackendAuth {
    /// The Functions host validates function keys before it passes a request on.
    FunctionsHost,
    /// This service compares `x-functions-key` with these keys. Bearer tokens are accepted too.
    Keys(Vec<CallerKey>),
    /// Back ends are not authenticated: on a loopback address, or with `ALLOW_ANONYMOUS`.
    Anyone,
}

/// Authenticates callers.
#[derive(Debug, Clone)]
pub struct Authenticator {
    /// The authentication of back ends.
    pub backend_auth: BackendAuth,
    /// Validates bearer tokens; `None` without `OIDC_ISSUERS`.
    pub bearer: Option<Bearer>,
}

impl From<BackendAuth> for Authenticator {
    fn from(backend_auth: BackendAuth) -> Self {
        Self { backend_auth, bearer: None }
    }
}

impl Authenticator {
    /// Authenticates a back end.
    ///
    /// # Errors
    /// [`Kind::Unauthorized`] without a valid key or token, [`Kind::Forbidden`] for a valid token without the role,
    /// [`Kind::IssuerUnreachable`] if a token could not be validated.
    pub async fn authenticate_backend(&self, headers: &HeaderMap) -> Result<Caller, Problem> {
        let keys = match &self.backend_auth {
            BackendAuth::FunctionsHost => return Ok(Caller::FunctionsHost),
            BackendAuth::Anyone => return Ok(Caller::Anyone),
            BackendAuth::Keys(keys) => &keys[..],
        };
        if headers.contains_key(KEY_HEADER) && !keys.is_empty() {
            return function_keys::check(keys, headers).map(Caller::Key).map_err(|detail| self.unauthorized(detail));
        }
        match self.token_caller(headers).await? {
            Some(Caller::User(_)) => Err(Problem::new(Kind::Forbidden, BACK_ENDS_ONLY)),
            Some(caller) => Ok(caller),
            None => Err(self.unauthorized(match (keys, &self.bearer) {
                ([], _) => SEND_TOKEN,
                (_, None) => function_keys::SEND_ONE_KEY,
                (_, Some(_)) => SEND_KEY_OR_TOKEN,
            })),
        }
    }

    /// Authenticates a signed-in user. A function key does not identify a user.
    ///
    /// # Errors
    /// [`Kind::Unauthorized`] without a valid token, [`Kind::Forbidden`] for an application's token,
    /// [`Kind::IssuerUnreachable`] if the token could not be validated.
    pub async fn authenticate_user(&self, headers: &HeaderMap) -> Result<User, Problem> {
        match self.token_caller(headers).await? {
            Some(Caller::User(user)) => Ok(user),
            Some(_) => Err(Problem::new(Kind::Forbidden, USERS_ONLY)),
            None => {
                let detail = if self.bearer.is_some() { SEND_TOKEN } else { NO_ISSUER };
                Err(Problem::new(Kind::Unauthorized, detail).with_header(header::WWW_AUTHENTICATE, BEARER_CHALLENGE))
            }
        }
    }

    /// Returns the caller that the bearer token identifies, or `None` if the request has no bearer token.
    async fn token_caller(&self, headers: &HeaderMap) -> Result<Option<Caller>, Problem> {
        let Some(bearer) = &self.bearer else { return Ok(None) };
        match bearer::token(headers)? {
            Some(token) => Ok(Some(bearer.validate(token).await?)),
            None => Ok(None),
        }
    }

    /// Returns which applications may call as back ends, for the log. `None` if no bearer token of a back end is accepted.
    #[must_use]
    pub fn back_ends(&self) -> Option<String> {
        let (BackendAuth::Keys(_), Some(bearer)) = (&self.backend_auth, &self.bearer) else { return None };
        let of_issuer = |trusted: &TrustedIssuer| {
            Some(format!("{} with the role {}", trusted.issuer.name(), trusted.manage_role.as_ref()?))
        };
        let named: Vec<String> = bearer.trusted().filter_map(of_issuer).collect();
        Some(if named.is_empty() {
            "no application may call as a back end: OIDC_ISSUERS names no issuer for back ends".to_owned()
        } else {
            format!("applications may call as back ends: those of {}", named.join(", "))
        })
    }

    /// Returns a 401 problem with a challenge for each accepted credential (RFC 9110 section 11.6.1). They are in one
    /// field, because API Gateway and load balancers may keep one field of a name.
    fn unauthorized(&self, detail: &'static str) -> Problem {
        let has_keys = matches!(&self.backend_auth, BackendAuth::Keys(keys) if !keys.is_empty());
        let challenge = match (has_keys, self.bearer.is_some()) {
            (true, true) => HeaderValue::from_static(function_keys::CHALLENGE_OR_BEARER),
            (true, false) => HeaderValue::from_static(function_keys::CHALLENGE),
            (false, _) => BEARER_CHALLENGE,
        };
        Problem::new(Kind::Unauthorized, detail).with_header(header::WWW_AUTHENTICATE, challenge)
    }
}

/// Removes credentials, which are not needed after authentication, and the identity headers of App Service
/// Authentication, which any client can send.
pub fn strip(headers: &mut HeaderMap) {
    let identity = |name: &&HeaderName| {
        ["x-ms-client-principal", "x-ms-token-"].iter().any(|prefix| name.as_str().starts_with(prefix))
    };
    let names: Vec<HeaderName> = headers.keys().filter(identity).cloned().collect();
    for name in names.into_iter().chain([header::AUTHORIZATION, HeaderName::from_static(KEY_HEADER)]) {
        headers.remove(name);
    }
}
