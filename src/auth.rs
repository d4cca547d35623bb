//! Who is calling, and may they?
//!
//! Behind the Functions host the host checks its function keys before a request gets here. Anywhere else nobody does
//! it for us: back ends show a key of `CALLER_KEYS` or a bearer token with the managing role, people a bearer token.

pub mod audit;
pub mod bearer;
pub mod caller;
mod function_keys;

use http::{HeaderMap, HeaderName, HeaderValue, header};

pub use bearer::Bearer;
pub use caller::{Caller, EntraAccount, Subject, User};
pub use function_keys::{CallerKey, KEY_HEADER};

use crate::problem::{Kind, Problem};

const SEND_A_TOKEN: &str = "Send a bearer token in the Authorization header.";

/// The challenge of RFC 6750 section 3.
const BEARER: HeaderValue = HeaderValue::from_static("Bearer");

/// How back ends are told from strangers.
#[derive(Debug, Clone)]
pub enum BackendAuth {
    /// The Functions host has done it.
    Host,
    /// By these keys.
    Keys(Vec<CallerKey>),
    /// Not at all: on a developer's loopback, or because the operator said so.
    Anyone,
}

/// Maps claims of a token to roles of this service.
#[derive(Debug, Clone)]
pub struct RoleMapping {
    /// The claim that lists roles: `roles`, `groups`.
    pub roles_claim: String,
    /// The role that makes an application a trusted back end.
    pub manage_role: String,
}

impl Default for RoleMapping {
    fn default() -> Self {
        Self { roles_claim: "roles".to_owned(), manage_role: "Tokens.Manage".to_owned() }
    }
}

impl RoleMapping {
    /// What somebody with these roles is. A delegated token is a person's, whatever roles the person has: Entra gives
    /// both the same claim. Nothing is an application without the role, which must not pass for a person.
    fn caller(&self, person: User, delegated: bool, application: bool) -> Option<Caller> {
        if !delegated && person.roles.contains(&self.manage_role) {
            return Some(Caller::App(person.subject));
        }
        (!application).then_some(Caller::User(person))
    }
}

/// How callers are checked.
#[derive(Debug, Clone)]
pub struct Authenticator {
    /// How back ends are told from strangers.
    pub trusted: BackendAuth,
    /// The issuers whose bearer tokens are taken.
    pub bearer: Option<Bearer>,
}

impl From<BackendAuth> for Authenticator {
    fn from(trusted: BackendAuth) -> Self {
        Self { trusted, bearer: None }
    }
}

impl Authenticator {
    /// Lets a trusted back end in, and nobody else; says who it is.
    ///
    /// # Errors
    /// [`Kind::Unauthorized`] for a stranger, [`Kind::Forbidden`] for somebody known without the role,
    /// [`Kind::IssuerUnreachable`] where a token could not be checked.
    pub async fn trusted(&self, headers: &HeaderMap) -> Result<Caller, Problem> {
        let keys = match &self.trusted {
            BackendAuth::Host => return Ok(Caller::Host),
            BackendAuth::Anyone => return Ok(Caller::Anyone),
            BackendAuth::Keys(keys) => keys,
        };
        if headers.contains_key(KEY_HEADER) && !keys.is_empty() {
            return function_keys::check(keys, headers).map(Caller::Key).map_err(|detail| self.unauthorized(detail));
        }
        match self.signed_in(headers).await? {
            Some(Caller::User(_)) => {
                let detail = "The token is good, but lacks the role that this function needs.";
                Err(Problem::new(Kind::Forbidden, detail))
            }
            Some(caller) => Ok(caller),
            None => Err(self.unauthorized(self.what_to_send())),
        }
    }

    /// Lets a signed-in person in, and nobody else. Neither a key nor the Functions host speaks for a person.
    ///
    /// # Errors
    /// [`Kind::Unauthorized`] for who has not signed in, [`Kind::Forbidden`] for an application,
    /// [`Kind::IssuerUnreachable`] where a token could not be checked.
    pub async fn person(&self, headers: &HeaderMap) -> Result<User, Problem> {
        match self.signed_in(headers).await? {
            Some(Caller::User(person)) => Ok(person),
            Some(_) => {
                let detail = "This function is for signed-in people. An application has no identity of its own; it makes \
                              some with POST identities, and issues their tokens with POST identities/{id}/tokens.";
                Err(Problem::new(Kind::Forbidden, detail))
            }
            None => Err(not_signed_in(match &self.bearer {
                Some(_) => SEND_A_TOKEN,
                None => {
                    "This function is for signed-in people, and nobody can sign in here: the operator has to set \
                     OIDC_ISSUERS."
                }
            })),
        }
    }

    /// The caller that the bearer token names, or `None` if the request has no bearer token.
    async fn signed_in(&self, headers: &HeaderMap) -> Result<Option<Caller>, Problem> {
        let Some(bearer) = &self.bearer else { return Ok(None) };
        match bearer.check(headers).await {
            Err(bearer::TokenError::NoToken) => Ok(None),
            checked => Ok(Some(checked?)),
        }
    }

    const fn what_to_send(&self) -> &'static str {
        match (&self.trusted, &self.bearer) {
            (BackendAuth::Keys(keys), None) if !keys.is_empty() => function_keys::MISSING,
            (BackendAuth::Keys(keys), Some(_)) if !keys.is_empty() => {
                "Send an x-functions-key header with one of the keys that the operator gave out, or a bearer token."
            }
            _ => SEND_A_TOKEN,
        }
    }

    /// A stranger's answer: it names each way in (RFC 9110 section 11.6.1).
    fn unauthorized(&self, detail: &'static str) -> Problem {
        let mut problem = Problem::new(Kind::Unauthorized, detail);
        if matches!(&self.trusted, BackendAuth::Keys(keys) if !keys.is_empty()) {
            problem = problem.with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static(function_keys::CHALLENGE));
        }
        if self.bearer.is_some() {
            problem = problem.with_header(header::WWW_AUTHENTICATE, BEARER);
        }
        problem
    }
}

/// The answer to who has to sign in, which no key can take the place of.
fn not_signed_in(detail: &'static str) -> Problem {
    Problem::new(Kind::Unauthorized, detail).with_header(header::WWW_AUTHENTICATE, BEARER)
}

/// Removes the credentials, which nothing behind the access check needs, and the identity headers of App Service
/// Authentication, which any client can send.
pub fn strip(headers: &mut HeaderMap) {
    let of_the_platform = |name: &&HeaderName| {
        ["x-ms-client-principal", "x-ms-token-"].iter().any(|prefix| name.as_str().starts_with(prefix))
    };
    let mut proofs: Vec<HeaderName> = headers.keys().filter(of_the_platform).cloned().collect();
    proofs.extend([header::AUTHORIZATION, HeaderName::from_static(KEY_HEADER)]);
    for name in proofs {
        headers.remove(name);
    }
}
