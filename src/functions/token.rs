//! The common parts of the functions that issue tokens: the fields for scopes and lifetime, and the answer.

use std::fmt;

use acs_identity::types::{AccessToken, IdentityId, Scope, TokenLifetime, TokenRequest, format_timestamp};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header::CONTENT_TYPE};
use serde::{Serialize, Serializer};
use serde_json::{Value, value::RawValue};

use crate::{
    access::policy::EffectivePolicy,
    extract::{
        TokenFormat,
        fields::{ErrorsOfField, Fields},
    },
    problem::Problem,
    request_log,
};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// A token, as the JavaScript SDK's `tokenRefresher` expects it.
#[derive(Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema), schema(as = AccessToken))]
#[serde(rename_all = "camelCase")]
pub(super) struct WireToken<'a> {
    /// The access token, for the SDKs of ACS. Do not decode it: tokens of Entra users are encrypted.
    #[serde(serialize_with = "unescaped")]
    token: &'a str,
    /// The time when the token expires, in ISO 8601 with offset.
    #[cfg_attr(test, schema(format = "date-time"))]
    expires_on: String,
    /// The same time in milliseconds since 1970.
    expires_on_timestamp: i64,
    /// The identity, if the request did not name it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schema(nullable = false))]
    user: Option<User<'a>>,
}

/// An identifier, as the JavaScript SDK writes it.
#[derive(Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema), schema(as = CommunicationUserIdentifier))]
#[serde(rename_all = "camelCase")]
struct User<'a> {
    /// The id of the user's identity in ACS.
    communication_user_id: &'a str,
}

impl<'a> From<&'a AccessToken> for WireToken<'a> {
    fn from(token: &'a AccessToken) -> Self {
        let at = token.expires_on();
        let expires_on_timestamp = at.as_millisecond();
        Self { token: token.expose(), expires_on: format_timestamp(at), expires_on_timestamp, user: None }
    }
}

/// Serializes a token, of which no character needs an escape, without the search for such characters byte by byte.
fn unescaped<S: Serializer>(token: &str, serializer: S) -> Result<S::Ok, S::Error> {
    let json = format!("\"{token}\"");
    // It is one JSON value only if the token has no quotation mark and no control character.
    match RawValue::from_string(json).ok().filter(|_| !token.contains('\\')) {
        Some(raw) => raw.serialize(serializer),
        None => token.serialize(serializer),
    }
}

/// Returns the answer with a token. Only JSON names the identity.
pub(super) fn answer(token: &AccessToken, id: Option<&IdentityId>, format: TokenFormat) -> Response {
    match format {
        TokenFormat::Json => {
            let user = id.map(|id| User { communication_user_id: id.as_str() });
            ([(CONTENT_TYPE, JSON)], to_json(&WireToken { user, ..token.into() })).into_response()
        }
        TokenFormat::Text => ([(CONTENT_TYPE, TEXT)], token.expose().to_owned()).into_response(),
    }
}

/// Serializes a struct of strings and numbers, which cannot fail.
pub(super) fn to_json(body: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(body).unwrap_or_default()
}

/// The text for a field that must be a list of scopes.
pub(super) struct ScopesExpected;

impl fmt::Display for ScopesExpected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of {}", scope_names())
    }
}

fn scope_names() -> String {
    Scope::ALL.map(Scope::as_str).join(", ")
}

/// Returns whether the policy limits the caller.
pub(super) fn is_limited(fields: &Fields) -> bool {
    fields.context().get().is_some_and(EffectivePolicy::is_limited)
}

/// Takes the field `expiresInMinutes`.
pub(super) fn expires_in_minutes(fields: &mut Fields) -> Option<TokenLifetime> {
    let default = if is_limited(fields) { "the most that you may have" } else { "1440" };
    fields.optional("expiresInMinutes", |errors, value| lifetime(errors, value, default))
}

/// Reads a lifetime. The error names the default.
pub(super) fn lifetime(errors: &mut ErrorsOfField<'_>, value: &Value, default: &str) -> Option<TokenLifetime> {
    let lifetime = whole_number(value).and_then(|minutes| TokenLifetime::from_minutes(minutes).ok());
    if lifetime.is_none() {
        errors.add(format!("Must be a whole number of minutes from 60 to 1440. The default is {default}."));
    }
    lifetime
}

/// Returns a whole number, which may have decimals: 60.0 is one in JSON Schema, and some clients write all numbers so.
pub(super) fn whole_number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_f64()?.to_string().parse().ok())
}

/// Reads a list of scopes. Unknown and duplicate scopes are errors.
pub(super) fn scopes(errors: &mut ErrorsOfField<'_>, value: &Value) -> Option<Vec<Scope>> {
    let Some(items) = value.as_array().filter(|items| !items.is_empty()) else {
        errors.add(format!("Must be {ScopesExpected}, with at least one item."));
        return None;
    };
    let mut scopes = Vec::new();
    for (i, item) in items.iter().enumerate() {
        match item.as_str().map(str::parse::<Scope>) {
            Some(Ok(scope)) if scopes.contains(&scope) => errors.add_at(i, format!("Duplicate scope: {scope}.")),
            Some(Ok(scope)) => scopes.push(scope),
            _ => errors.add_at(i, format!("Unknown scope. The scopes are {}.", scope_names())),
        }
    }
    Some(scopes)
}

/// Applies the policy to the requested scopes and lifetime, and records both in the request log.
pub(super) fn authorize(
    policy: &EffectivePolicy,
    scopes: Option<&[Scope]>,
    lifetime: Option<TokenLifetime>,
) -> Result<TokenRequest, Problem> {
    // A refused request is logged with what it asked for.
    let refused = |_: &Problem| request_log::record(|log| log.set_token(scopes, lifetime));
    let token = policy.allow(scopes, lifetime).inspect_err(refused)?;
    let lifetime = token.lifetime().unwrap_or(TokenLifetime::MAX);
    request_log::record(|log| log.set_token(Some(token.scopes()), Some(lifetime)));
    Ok(token)
}
