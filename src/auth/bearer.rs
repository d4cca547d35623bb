//! Bearer tokens (RFC 6750): JWTs of OpenID Connect issuers, validated with the issuers' public keys.
//!
//! The order of the checks: header, issuer, key, signature and times, use of the token, kind of caller. The issuer must
//! be configured, its keys come only from its discovery document, and the algorithm must fit the key.

mod claims;
mod discovery;
#[cfg(fuzzing)]
pub mod fuzzing;
mod header;
mod issuer;
mod key_set;
mod keys;
mod kind;
mod signature;
mod token_error;
mod trusted;
mod verified;

use std::{sync::Arc, time::SystemTime};

use acs_identity::http::TlsError;
use http::{HeaderMap, header::AUTHORIZATION};

pub use discovery::{IssuerError, VerifiedIssuer};
pub use issuer::{InvalidIssuer, Issuer};
pub use token_error::TokenError;
pub use trusted::{DEFAULT_MANAGE_ROLE, DEFAULT_ROLES_CLAIM, TrustedIssuer};

use self::{
    claims::Claims,
    header::Header,
    keys::IssuerKeys,
    verified::{Verified, VerifiedTokens},
};
use super::Caller;

/// The longest accepted token. An Entra token with 200 groups, which is their limit, is shorter.
const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// Validates bearer tokens. Clones share the issuers' keys and the validated tokens.
#[derive(Debug, Clone)]
pub struct Bearer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    issuers: Vec<(TrustedIssuer, IssuerKeys)>,
    verified: VerifiedTokens,
}

impl Bearer {
    /// Creates a validator. Keys are fetched when the first token arrives.
    ///
    /// # Errors
    /// An error if the TLS library cannot be set up, for example without root certificates.
    pub fn new(issuers: impl IntoIterator<Item = TrustedIssuer>) -> Result<Self, TlsError> {
        signature::install();
        let with_keys = |trusted: TrustedIssuer| IssuerKeys::new(&trusted.issuer).map(|keys| (trusted, keys));
        let issuers = issuers.into_iter().map(with_keys).collect::<Result<_, _>>()?;
        Ok(Self(Arc::new(Inner { issuers, verified: VerifiedTokens::default() })))
    }

    /// Returns the issuers, in the order of the settings.
    pub fn issuers(&self) -> impl Iterator<Item = &Issuer> {
        self.trusted().map(|trusted| &trusted.issuer)
    }

    /// Returns the issuers with their rules, in the order of the settings.
    pub fn trusted(&self) -> impl Iterator<Item = &TrustedIssuer> {
        self.0.issuers.iter().map(|(trusted, _)| trusted)
    }

    /// Validates a token and returns the caller that it identifies.
    pub(super) async fn validate(&self, token: &str) -> Result<Caller, TokenError> {
        let Inner { issuers, verified } = &*self.0;
        let (hash, now) = (verified::hash(token), SystemTime::now());
        if let Some(known) = verified.get(&hash, now)
            && issuers[known.issuer].1.are(&known.keys).await
        {
            return Ok(known.caller);
        }
        let header = Header::read(token)?;
        let name = claims::unvalidated_issuer(token)?;
        let issuer = issuers.iter().position(|(trusted, _)| trusted.issuer.name() == name).ok_or(TokenError::Issuer)?;
        let (trusted, keys) = &issuers[issuer];
        let keys = keys.with(&header.kid).await?;
        let key = keys.find(&header.kid, header.algorithm)?;
        let claims = Claims::validated(token, header.algorithm, key, &name)?;
        let caller = trusted.caller(&claims)?;
        if let Some(expires) = claims.refused_from() {
            verified.put(hash, Verified { caller: caller.clone(), issuer, keys, expires }, now);
        }
        Ok(caller)
    }
}

/// Returns the JWT in the Authorization header, or `None` if there is no such header or it has another scheme.
pub(super) fn token(headers: &HeaderMap) -> Result<Option<&str>, TokenError> {
    let Some(token) = credential(headers)? else { return Ok(None) };
    let is_base64url = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    // RFC 7515 section 3.1. An empty signature is left to the check of the algorithm and the signature.
    let is_jwt = token.split('.').count() == 3 && token.split('.').all(|part| part.bytes().all(is_base64url));
    if is_jwt { Ok(Some(token)) } else { Err(TokenError::NotAJwt) }
}

/// Returns the bearer credential in the Authorization header, or `None` if there is no such header or it has another
/// scheme.
pub(super) fn credential(headers: &HeaderMap) -> Result<Option<&str>, TokenError> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(TokenError::TwoHeaders);
    }
    let value = value.as_bytes();
    let (scheme, token) = value.iter().position(|b| *b == b' ').map_or((value, &[][..]), |at| value.split_at(at));
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return Ok(None);
    }
    // A forwarding host joins the values of repeated headers. No bearer token has a comma (RFC 6750 section 2.1).
    if token.contains(&b',') {
        return Err(TokenError::TwoHeaders);
    }
    if token.len() > MAX_TOKEN_BYTES {
        return Err(TokenError::TooLong);
    }
    Ok(Some(std::str::from_utf8(token).map_err(|_| TokenError::NotAJwt)?.trim_start_matches(' ')))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_token_may_have_16_kib() {
        // The space behind the scheme counts.
        let read = |length: usize| {
            let authorization = format!("Bearer {}.b.c", "a".repeat(length - " .b.c".len()));
            let value = HeaderValue::try_from(authorization).unwrap();
            token(&HeaderMap::from_iter([(AUTHORIZATION, value)])).map(|token| token.map(str::len))
        };
        assert!(matches!(read(MAX_TOKEN_BYTES), Ok(Some(length)) if length == MAX_TOKEN_BYTES - 1));
        assert!(matches!(read(MAX_TOKEN_BYTES + 1), Err(TokenError::TooLong)));
    }
}
