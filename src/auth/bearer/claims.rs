//! The claims of a token. A claim is read where it is needed; one of an unexpected type counts as missing.

use std::time::{Duration, SystemTime};

use jsonwebtoken::{Algorithm, DecodingKey, Validation, dangerous::insecure_decode_claims, decode};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::TokenError;

/// The tolerated clock difference to the issuer in seconds.
const LEEWAY_S: u64 = 60;

/// The part of an unvalidated token that selects the keys.
#[derive(Deserialize)]
struct Unvalidated {
    iss: Option<Value>,
}

/// Returns the issuer that an unvalidated token names. Use it only to select the keys for the validation.
pub(super) fn unvalidated_issuer(token: &str) -> Result<String, TokenError> {
    let claims: Unvalidated = insecure_decode_claims(token).map_err(|_| TokenError::NotAJwt)?;
    match claims.iss {
        Some(Value::String(issuer)) => Ok(issuer),
        _ => Err(TokenError::Issuer),
    }
}

/// The claims of a token whose signature, issuer and times are valid.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Claims(Map<String, Value>);

impl Claims {
    /// Checks the signature, the issuer and the times of a token, and returns its claims.
    pub(super) fn validated(
        token: &str,
        algorithm: Algorithm,
        key: &DecodingKey,
        issuer: &str,
    ) -> Result<Self, TokenError> {
        let mut validation = Validation::new(algorithm);
        validation.leeway = LEEWAY_S;
        validation.validate_nbf = true;
        validation.set_issuer(&[issuer]);
        // The library does not tell a missing `exp` from one that is a text. One that is present is checked.
        validation.set_required_spec_claims(&["iss"]);
        // The accepted audiences differ by issuer, and Cognito has none: see `TrustedIssuer`.
        validation.validate_aud = false;
        let claims: Self = decode(token, key, &validation)?.claims;
        if claims.has("exp") { Ok(claims) } else { Err(TokenError::NoExpiry) }
    }

    /// Returns the time from which the token is refused.
    pub(super) fn refused_from(&self) -> Option<SystemTime> {
        // A number of seconds that may have a fraction (RFC 7519 section 2), which is cut off.
        let exp = self.0.get("exp")?;
        let seconds = exp.as_u64().or_else(|| Some(Duration::try_from_secs_f64(exp.as_f64()?).ok()?.as_secs()))?;
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds.checked_add(LEEWAY_S)?))
    }

    /// Returns whether the claim is present.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|value| !value.is_null())
    }

    /// Returns the text of a claim, or `None` if it is empty.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str().filter(|text| !text.is_empty())
    }

    /// Returns the members of a claim that is an object.
    pub(super) fn object(&self, name: &str) -> Option<&Map<String, Value>> {
        self.0.get(name)?.as_object()
    }

    /// Returns the strings of a claim that is a string or an array.
    pub(super) fn list(&self, name: &str) -> Vec<&str> {
        texts(self.0.get(name))
    }

    /// Returns the strings at a path such as `realm_access.roles`. A claim with that literal name comes first, because
    /// names may contain dots (`https://contoso.example/roles`).
    pub(super) fn list_at(&self, path: &str) -> Vec<&str> {
        texts(at(&self.0, path))
    }

    /// Returns whether `scp` (Entra, Okta) or `scope` (RFC 8693 section 4.2), an array or separated by spaces, has the
    /// scope.
    pub(super) fn has_scope(&self, scope: &str) -> bool {
        ["scp", "scope"].iter().flat_map(|name| self.list(name)).any(|text| text.split(' ').any(|one| one == scope))
    }

    /// Returns the client application that got the token. Issuers name it differently; where a token has several of
    /// these claims, they agree.
    pub(super) fn client(&self) -> Option<&str> {
        ["azp", "appid", "client_id", "cid"].iter().find_map(|name| self.text(name))
    }
}

fn texts(value: Option<&Value>) -> Vec<&str> {
    match value {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// Returns the value at a path. Each part of it may contain dots, too: `resource_access.contoso.web.roles`.
fn at<'a>(object: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    object.get(path).or_else(|| {
        path.match_indices('.').find_map(|(dot, _)| at(object.get(&path[..dot])?.as_object()?, &path[dot + 1..]))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn token_is_refused_from_its_expiry_and_the_tolerance() {
        for (exp, seconds) in [
            (json!(100), Some(160)),
            (json!(100.9), Some(160)),
            (json!("100"), None),
            (json!(-1), None),
            (json!(u64::MAX), None),
        ] {
            let claims: Claims = serde_json::from_value(json!({ "exp": exp })).unwrap();
            let expected = seconds.map(|seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
            assert_eq!(claims.refused_from(), expected, "{exp}");
        }
    }
}
