//! What a token says: of itself in its header, of its bearer in its claims.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, dangerous::insecure_decode_claims};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    super::{EntraAccount, Subject},
    TokenError, texts,
};

/// What of the header is looked at. A key, or where to fetch one (`jwk`, `jku`, `x5c`, `x5u`), is not: whoever made the
/// token would choose it.
#[derive(Deserialize)]
struct WireHeader {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<Value>,
}

/// The header of a token that may be one of ours to check.
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
    // RFC 9068 section 2.1 and RFC 7515 section 4.1.9: in any case, and `application/` may be left out.
    let typ = header.typ.map(|typ| typ.to_ascii_lowercase());
    match typ.as_deref().map(|typ| typ.strip_prefix("application/").unwrap_or(typ)) {
        None | Some("jwt" | "at+jwt") => {}
        Some(_) => return Err(TokenError::Type),
    }
    let kid = header.kid.filter(|kid| !kid.is_empty()).ok_or(TokenError::NoKeyId)?;
    Ok(Header { algorithm, kid })
}

/// The issuer that an unchecked token names: good for finding the keys to check it with, and for nothing else.
pub(super) fn unverified_issuer(token: &str) -> Result<String, TokenError> {
    let claims: Map<String, Value> = insecure_decode_claims(token).map_err(|_| TokenError::NotAJwt)?;
    claims.get("iss").and_then(Value::as_str).map(str::to_owned).ok_or(TokenError::Issuer)
}

/// The claims of a checked token.
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
    /// Tenant and object id in Entra. A tenant counts only where it stands in the issuer's address, as Entra writes it:
    /// any other issuer could claim to speak of Entra's users.
    fn entra(&self) -> Option<(&str, &str)> {
        let (tenant, object) = (self.tid.as_deref()?, self.oid.as_deref()?);
        let is_tenants = self.iss.split('/').any(|segment| !tenant.is_empty() && segment.eq_ignore_ascii_case(tenant));
        is_tenants.then_some((tenant, object))
    }

    pub(super) fn subject(&self) -> Option<Subject> {
        if let Some((tenant, object)) = self.entra() {
            return Some(Subject::entra(tenant, object));
        }
        let subject = self.sub.as_deref().filter(|subject| !subject.is_empty())?;
        Some(Subject::oidc(&self.iss, subject))
    }

    /// The account in Entra. The application is who the token was given to, `azp` or in version 1 `appid`; an ID token,
    /// which has neither, is for the application itself.
    pub(super) fn account(&self) -> Option<EntraAccount> {
        let (tenant, object) = self.entra()?;
        let audience = || self.text("aud").filter(|_| !self.is_delegated());
        EntraAccount::new(tenant, object, self.text("azp").or_else(|| self.text("appid")).or_else(audience))
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.others.get(name)?.as_str()
    }

    /// The texts of a claim.
    pub(super) fn list(&self, name: &str) -> Vec<String> {
        texts(self.others.get(name))
    }

    /// Whether a person lent an application their rights: Entra says `scp` then, and only then.
    pub(super) fn is_delegated(&self) -> bool {
        self.others.contains_key("scp")
    }

    /// Whether an application got the token for itself. Entra says so in `idtyp` where that is turned on, and in any case by
    /// one id as subject and object: a person's subject is another one in each application. Others name the application
    /// as the subject (RFC 9068 section 2.2); Auth0 names the grant.
    ///
    /// <https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference#payload-claims>
    pub(super) fn is_application(&self) -> bool {
        let is_subject = |name: Option<&str>| name.is_some() && name == self.sub.as_deref();
        self.text("idtyp") == Some("app")
            || self.text("gty") == Some("client-credentials")
            || ["client_id", "azp", "cid"].iter().any(|name| is_subject(self.text(name)))
            || !self.is_delegated() && is_subject(self.entra().map(|(_, object)| object))
    }

    /// Whether a scope is among those of `scp` (Entra) or `scope` (RFC 8693 section 4.2), divided by spaces or listed.
    pub(super) fn has_scope(&self, scope: &str) -> bool {
        ["scp", "scope"].iter().flat_map(|name| self.list(name)).any(|text| text.split(' ').any(|one| one == scope))
    }
}
