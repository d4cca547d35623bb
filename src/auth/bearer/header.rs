//! The header of a token.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::Algorithm;
use serde::Deserialize;
use serde_json::Value;

use super::TokenError;

/// The members of the header that are used. Keys and their addresses (`jwk`, `jku`, `x5c`, `x5u`) are not: an attacker
/// would choose them.
#[derive(Deserialize)]
struct WireHeader {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<Value>,
}

/// The header of a token whose signature can be checked.
pub(super) struct Header {
    pub(super) algorithm: Algorithm,
    pub(super) kid: String,
}

impl Header {
    /// Reads the header of a token.
    pub(super) fn read(token: &str) -> Result<Self, TokenError> {
        let encoded = token.split('.').next().unwrap_or_default();
        let json = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| TokenError::NotAJwt)?;
        let header: WireHeader = serde_json::from_slice(&json).map_err(|_| TokenError::NotAJwt)?;
        let algorithm = match &*header.alg {
            "RS256" => Algorithm::RS256,
            "PS256" => Algorithm::PS256,
            "ES256" => Algorithm::ES256,
            "EdDSA" => Algorithm::EdDSA,
            _ => return Err(TokenError::Algorithm),
        };
        if header.crit.is_some() {
            return Err(TokenError::Critical);
        }
        // RFC 9068 section 2.1 and RFC 7515 section 4.1.9: case does not matter, and `application/` is optional.
        let typ = header.typ.map(|typ| typ.to_ascii_lowercase());
        match typ.as_deref().map(|typ| typ.strip_prefix("application/").unwrap_or(typ)) {
            None | Some("jwt" | "at+jwt") => {}
            Some(_) => return Err(TokenError::Type),
        }
        let kid = header.kid.filter(|kid| !kid.is_empty()).ok_or(TokenError::NoKeyId)?;
        Ok(Self { algorithm, kid })
    }
}
