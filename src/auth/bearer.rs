//! Bearer tokens (RFC 6750): JWTs of OpenID Connect issuers, validated with the issuers' public keys.
//!
//! A token names its issuer and its key. The issuer must be configured, its keys come only from its discovery
//! document, and the algorithm must fit the key.

mod claims;
mod issuer;
mod keys;
mod token_error;

use std::{collections::HashSet, sync::Arc};

use http::{HeaderMap, header};
use jsonwebtoken::{Validation, decode};

pub use issuer::{InvalidIssuer, Issuer};
pub use keys::VerifiedIssuer;
pub use token_error::TokenError;

use self::{claims::Claims, keys::IssuerKeys};
use super::{Caller, User};

/// The longest accepted token. An Entra token with 200 groups, which is their limit, is shorter.
const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// The tolerated clock difference to the issuer in seconds.
const LEEWAY_S: u64 = 60;

/// The claims that give a caller its roles.
#[derive(Debug, Clone)]
pub struct RoleMapping {
    /// The claim that lists the roles, such as `roles` or `groups`.
    pub roles_claim: String,
    /// The role that an application needs to call as a back end.
    pub manage_role: String,
}

impl Default for RoleMapping {
    fn default() -> Self {
        Self { roles_claim: "roles".to_owned(), manage_role: "Tokens.Manage".to_owned() }
    }
}

/// Which bearer tokens are accepted.
#[derive(Debug, Clone)]
pub struct BearerSettings {
    /// The trusted issuers.
    pub issuers: Vec<Issuer>,
    /// The accepted values of `aud`.
    pub audiences: HashSet<String>,
    /// The scope that a user's token must have.
    pub required_scope: Option<String>,
    /// The claims that give a caller its roles.
    pub role_mapping: RoleMapping,
}

/// Validates bearer tokens. Clones share the issuers' keys.
#[derive(Debug, Clone)]
pub struct Bearer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: BearerSettings,
    /// The keys of each issuer, in the order of the settings.
    keys: Vec<IssuerKeys>,
}

impl Bearer {
    /// Creates a validator. Keys are fetched when the first token arrives.
    ///
    /// # Errors
    /// An error if the TLS library cannot be set up, for example without root certificates.
    pub fn new(settings: BearerSettings) -> Result<Self, reqwest::Error> {
        let keys = settings.issuers.iter().map(IssuerKeys::new).collect::<Result<_, _>>()?;
        Ok(Self(Arc::new(Inner { settings, keys })))
    }

    /// Returns the trusted issuers.
    pub fn issuers(&self) -> impl Iterator<Item = &Issuer> {
        self.0.settings.issuers.iter()
    }

    /// Validates a token and returns the caller that it identifies.
    pub(super) async fn validate(&self, token: &str) -> Result<Caller, TokenError> {
        let Inner { settings, keys } = &*self.0;
        let header = claims::header(token)?;
        let name = claims::unverified_issuer(token)?;
        let mut issuers = settings.issuers.iter().zip(keys);
        let (issuer, keys) = issuers.find(|(issuer, _)| issuer.name() == name).ok_or(TokenError::Issuer)?;
        let key = keys.find(&header.kid, header.algorithm).await?;
        let mut validation = Validation::new(header.algorithm);
        validation.leeway = LEEWAY_S;
        validation.validate_nbf = true;
        validation.aud = Some(settings.audiences.clone());
        validation.set_issuer(&[issuer.name()]);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        let claims = decode::<Claims>(token, &key, &validation)?.claims;
        settings.caller(issuer, &claims)
    }
}

impl BearerSettings {
    /// Returns the caller that validated claims identify.
    fn caller(&self, issuer: &Issuer, claims: &Claims) -> Result<Caller, TokenError> {
        if !issuer.matches_tenant(claims.tid.as_deref()) {
            return Err(TokenError::Tenant);
        }
        let subject = claims.subject().ok_or(TokenError::Subject)?;
        let roles = claims.list(&self.role_mapping.roles_claim);
        // Entra puts a user's roles into delegated tokens too. The application that acts for the user is no back end.
        if !claims.is_delegated() && roles.contains(&self.role_mapping.manage_role) {
            return Ok(Caller::App(subject));
        }
        if claims.is_application() {
            return Err(TokenError::Application);
        }
        match &self.required_scope {
            Some(scope) if !claims.has_scope(scope) => Err(TokenError::Scope(scope.clone())),
            _ => Ok(Caller::User(User { subject, roles, account: claims.account() })),
        }
    }
}

/// Returns the bearer token in the Authorization header, or `None` if there is no such header or it has another scheme.
pub(super) fn token(headers: &HeaderMap) -> Result<Option<&str>, TokenError> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(TokenError::TwoHeaders);
    }
    let value = value.as_bytes();
    let (scheme, token) = value.iter().position(|b| *b == b' ').map_or((value, &[][..]), |at| value.split_at(at));
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return Ok(None);
    }
    if token.len() > MAX_TOKEN_BYTES {
        return Err(TokenError::TooLong);
    }
    let token = std::str::from_utf8(token).map_err(|_| TokenError::NotAJwt)?.trim_start_matches(' ');
    let is_base64url = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    // RFC 7515 section 3.1. An empty signature is left to the check of the algorithm and the signature.
    let is_jwt = token.split('.').count() == 3 && token.split('.').all(|part| part.bytes().all(is_base64url));
    if is_jwt { Ok(Some(token)) } else { Err(TokenError::NotAJwt) }
}
