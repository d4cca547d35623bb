//! Bearer tokens (RFC 6750) of OpenID Connect issuers: JWTs, checked here with the issuers' public keys.
//!
//! A token says itself who issued it and which key signed it. Neither is believed: the issuer must be one of the
//! settings', its keys come from its discovery document alone, and the algorithm must be one that fits the key.

mod claims;
mod issuer;
mod keys;
mod token_error;

use std::{collections::HashSet, sync::Arc};

use http::{HeaderMap, header};
use jsonwebtoken::{Validation, decode, errors::ErrorKind};
use serde_json::Value;

pub use issuer::{InvalidIssuer, Issuer};
pub use token_error::TokenError;

use self::{claims::Claims, keys::IssuerKeys};
use super::{Caller, RoleMapping, User};

/// Longer than an Entra token with the 200 groups that it may list, shorter than what web servers take as a header.
const MAX_TOKEN: usize = 16 * 1024;

/// By how much the issuer's clock and ours may differ, in seconds.
const LEEWAY: u64 = 60;

/// Which tokens are taken.
#[derive(Debug, Clone)]
pub struct BearerSettings {
    /// The issuers.
    pub issuers: Vec<Issuer>,
    /// The names under which the issuers know this service; a token must be for one of them.
    pub audiences: HashSet<String>,
    /// The scope that a person's token must have.
    pub required_scope: Option<String>,
    /// Which claims map to which role.
    pub role_mapping: RoleMapping,
}

/// A check of bearer tokens. Clones share the issuers' keys.
#[derive(Debug, Clone)]
pub struct Bearer(Arc<Checks>);

#[derive(Debug)]
struct Checks {
    settings: BearerSettings,
    /// The keys of each issuer, in the order of the settings.
    keys: Vec<IssuerKeys>,
}

impl Bearer {
    /// A check with these settings. Nothing is fetched before the first token comes.
    ///
    /// # Errors
    /// When the TLS library cannot be set up, as without any trusted root on the machine.
    pub fn new(settings: BearerSettings) -> Result<Self, reqwest::Error> {
        let keys = settings.issuers.iter().map(IssuerKeys::new).collect::<Result<_, _>>()?;
        Ok(Self(Arc::new(Checks { settings, keys })))
    }

    /// Whose token the request has.
    pub(super) async fn check(&self, headers: &HeaderMap) -> Result<Caller, TokenError> {
        let Checks { settings, keys } = &*self.0;
        let token = token(headers)?;
        let header = claims::header(token)?;
        let name = claims::unverified_issuer(token)?;
        let at = settings.issuers.iter().position(|issuer| issuer.name() == name).ok_or(TokenError::Issuer)?;
        let key = keys[at].find(&header.kid, header.algorithm).await?;
        let mut validation = Validation::new(header.algorithm);
        validation.leeway = LEEWAY;
        validation.validate_nbf = true;
        validation.aud = Some(settings.audiences.clone());
        validation.set_issuer(&[settings.issuers[at].name()]);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        let claims = decode::<Claims>(token, &key, &validation).map_err(|error| refusal_of(error.kind()))?.claims;
        settings.caller(&settings.issuers[at], &claims)
    }
}

impl BearerSettings {
    /// What somebody with these claims, which are the issuer's own, is here.
    fn caller(&self, issuer: &Issuer, claims: &Claims) -> Result<Caller, TokenError> {
        if issuer
            .tenant()
            .is_some_and(|tenant| !claims.tid.as_ref().is_some_and(|tid| tid.eq_ignore_ascii_case(tenant)))
        {
            return Err(TokenError::Tenant);
        }
        let subject = claims.subject().ok_or(TokenError::Subject)?;
        let person = User { subject, roles: claims.list(&self.role_mapping.roles_claim), account: claims.account() };
        let caller = self.role_mapping.caller(person, claims.is_delegated(), claims.is_application());
        let caller = caller.ok_or(TokenError::Application)?;
        match (&caller, &self.required_scope) {
            (Caller::User(_), Some(scope)) if !claims.has_scope(scope) => Err(TokenError::Scope(scope.clone())),
            _ => Ok(caller),
        }
    }
}

/// The one token of the one Authorization header.
fn token(headers: &HeaderMap) -> Result<&str, TokenError> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let first = given.next().ok_or(TokenError::NoToken)?;
    if given.next().is_some() {
        return Err(TokenError::TwoHeaders);
    }
    // A name is all ASCII up to its space; what follows is looked at as bytes until it is known to be a token.
    let value = first.as_bytes();
    let (scheme, token) = value.iter().position(|b| *b == b' ').map_or((value, &[][..]), |at| value.split_at(at));
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return Err(TokenError::NoToken);
    }
    if token.len() > MAX_TOKEN {
        return Err(TokenError::TooLong);
    }
    let token = std::str::from_utf8(token).map_err(|_| TokenError::NotAJwt)?.trim_start_matches(' ');
    let is_base64url = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    let parts: Vec<&str> = token.split('.').collect();
    // RFC 7515 section 3.1. An empty signature is told apart below, by its algorithm.
    let is_jwt = parts.len() == 3 && parts.iter().all(|part| part.bytes().all(is_base64url));
    if is_jwt { Ok(token) } else { Err(TokenError::NotAJwt) }
}

fn refusal_of(kind: &ErrorKind) -> TokenError {
    match kind {
        ErrorKind::ExpiredSignature => TokenError::Expired,
        ErrorKind::ImmatureSignature => TokenError::NotYet,
        ErrorKind::InvalidAudience => TokenError::Audience,
        ErrorKind::InvalidIssuer => TokenError::Issuer,
        ErrorKind::InvalidSignature | ErrorKind::Base64(_) => TokenError::Signature,
        ErrorKind::MissingRequiredClaim(name) if name == "exp" => TokenError::NoExpiry,
        ErrorKind::MissingRequiredClaim(name) if name == "aud" => TokenError::Audience,
        ErrorKind::InvalidClaimFormat(_) => TokenError::Times,
        _ => TokenError::NotAJwt,
    }
}

/// A member of a JSON object that is a text, or a list of texts.
fn texts(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}
