//! The header and the claims of a token.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, dangerous::insecure_decode_claims};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::TokenError;
use crate::auth::{EntraAccount, Subject};

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

pub(super) fn header(token: &str) -> Result<Header, TokenError> {
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
    Ok(Header { algorithm, kid })
}

/// Returns the issuer that an unvalidated token names. Use it only to select the keys for the validation.
pub(super) fn unverified_issuer(token: &str) -> Result<String, TokenError> {
    let claims: Map<String, Value> = insecure_decode_claims(token).map_err(|_| TokenError::NotAJwt)?;
    claims.get("iss").and_then(Value::as_str).map(str::to_owned).ok_or(TokenError::Issuer)
}

/// The claims of a validated token.
#[derive(Deserialize)]
pub(super) struct Claims {
    iss: String,
    sub: Option<String>,
    pub(super) tid: Option<String>,
    oid: Option<String>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

impl Claims {
    /// Returns tenant and object id in Entra. They count only if the tenant is part of the issuer's URL, as it is in
    /// Entra's: other issuers must not be able to name Entra users.
    fn entra(&self) -> Option<(&str, &str)> {
        let (tenant, object) = (self.tid.as_deref()?, self.oid.as_deref()?);
        let in_issuer = self.iss.split('/').any(|segment| !tenant.is_empty() && segment.eq_ignore_ascii_case(tenant));
        in_issuer.then_some((tenant, object))
    }

    pub(super) fn subject(&self) -> Option<Subject> {
        if let Some((tenant, object)) = self.entra() {
            return Some(Subject::entra(tenant, object));
        }
        let subject = self.sub.as_deref().filter(|subject| !subject.is_empty())?;
        Some(Subject::oidc(&self.iss, subject))
    }

    /// Returns the account in Entra. The application is in `azp`, or in `appid` in version 1; an ID token has neither,
    /// and its audience is the application.
    pub(super) fn account(&self) -> Option<EntraAccount> {
        let (tenant, object) = self.entra()?;
        let audience = || self.text("aud").filter(|_| !self.is_delegated());
        let app = self.text("azp").or_else(|| self.text("appid")).or_else(audience);
        Some(EntraAccount {
            tenant: tenant.parse().ok()?,
            object_id: object.parse().ok()?,
            app_id: app.and_then(|app| app.parse().ok()),
        })
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.others.get(name)?.as_str()
    }

    /// Returns the strings of a claim that is a string or an array.
    pub(super) fn list(&self, name: &str) -> Vec<String> {
        match self.others.get(name) {
            Some(Value::String(one)) => vec![one.clone()],
            Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            _ => Vec::new(),
        }
    }

    /// Returns whether an application acts for a user. Entra sets `scp` only then.
    pub(super) fn is_delegated(&self) -> bool {
        self.others.contains_key("scp")
    }

    /// Returns whether an application got the token for itself. Entra marks these tokens with `idtyp` if configured, and
    /// always uses the object id as subject; a user's subject differs by application. Other issuers use the
    /// application's id as subject (RFC 9068 section 2.2); Auth0 names the grant.
    ///
    /// <https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference#payload-claims>
    pub(super) fn is_application(&self) -> bool {
        let is_subject = |id: Option<&str>| id.is_some() && id == self.sub.as_deref();
        self.text("idtyp") == Some("app")
            || self.text("gty") == Some("client-credentials")
            || ["client_id", "azp", "cid"].iter().any(|name| is_subject(self.text(name)))
            || !self.is_delegated() && is_subject(self.entra().map(|(_, object)| object))
    }

    /// Returns whether `scp` (Entra) or `scope` (RFC 8693 section 4.2), an array or separated by spaces, has the scope.
    pub(super) fn has_scope(&self, scope: &str) -> bool {
        ["scp", "scope"].iter().flat_map(|name| self.list(name)).any(|text| text.split(' ').any(|one| one == scope))
    }
}
