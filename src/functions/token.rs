//! What the functions that give tokens share: reading scopes and lifetime, writing the token.

use acs_identity::types::{
    AccessToken, IdentityId, InvalidScopes, Scope, TokenLifetime, TokenRequest, format_timestamp,
};
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use serde::Serialize;
use serde_json::Value;

use crate::{
    access::policy::EffectivePolicy,
    auth::audit::Record,
    extract::{
        TokenFormat,
        fields::{Faults, Fields},
    },
    problem::Problem,
};

const SCOPES: &str = "chat, voip, chat.join, chat.join.limited, voip.join";

/// What a list of scopes holds, for whoever left it out.
pub(super) const SCOPES_REMEDY: &str = "a list of chat, voip, chat.join, chat.join.limited, voip.join";

/// A token on the wire: what a `tokenRefresher` of the JavaScript SDK wants, as it stands.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireToken<'a> {
    token: &'a str,
    /// ISO 8601 with offset.
    expires_on: String,
    /// Milliseconds since 1970.
    expires_on_timestamp: i64,
    /// Whose it is, where the caller has not said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<User<'a>>,
}

/// As the JavaScript SDK writes an identifier.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct User<'a> {
    communication_user_id: &'a str,
}

impl<'a> From<&'a AccessToken> for WireToken<'a> {
    fn from(token: &'a AccessToken) -> Self {
        let at = token.expires_on();
        let expires_on_timestamp = at.as_millisecond();
        Self { token: token.expose(), expires_on: format_timestamp(at), expires_on_timestamp, user: None }
    }
}

/// A token as the answer, and in JSON whose it is.
pub(super) fn answer(token: &AccessToken, id: Option<&IdentityId>, format: TokenFormat) -> Response {
    match format {
        TokenFormat::Json => {
            let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")];
            let user = id.map(|id| User { communication_user_id: id.as_str() });
            (headers, to_json(&WireToken { user, ..token.into() })).into_response()
        }
        TokenFormat::Text => {
            let headers = [(CONTENT_TYPE, "text/plain; charset=utf-8"), (CACHE_CONTROL, "no-store")];
            (headers, token.expose().to_owned()).into_response()
        }
    }
}

/// JSON of strings and numbers, which `serde_json` has no way to fail on.
pub(super) fn to_json(body: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(body).unwrap_or_default()
}

/// The lifetime, in whole minutes.
pub(super) fn expires_in_minutes(fields: &mut Fields) -> Option<TokenLifetime> {
    let limited = fields.context().get().is_some_and(EffectivePolicy::is_limited);
    fields.optional("expiresInMinutes", move |faults, value| {
        let validity = value.as_i64().and_then(|minutes| TokenLifetime::from_minutes(minutes).ok());
        if validity.is_none() {
            let most = if limited { "the most that you may have" } else { "1440" };
            faults.add(format_args!(
                "Give a whole number of minutes from 60 to 1440, or leave the field out for {most}."
            ));
        }
        validity
    })
}

/// A list of scopes; each one that is unknown or stands there twice is a fault.
pub(super) fn scopes(faults: &mut Faults<'_>, value: &Value) -> Option<Vec<Scope>> {
    let Some(items) = value.as_array() else {
        faults.add(format_args!("Give {SCOPES_REMEDY}."));
        return None;
    };
    let mut scopes = Vec::new();
    for (i, item) in items.iter().enumerate() {
        match item.as_str().map(str::parse::<Scope>) {
            Some(Ok(scope)) if scopes.contains(&scope) => faults.add_at(i, InvalidScopes::Repeated(scope)),
            Some(Ok(scope)) => scopes.push(scope),
            _ => faults.add_at(i, format_args!("The scope is unknown; the scopes are {SCOPES}.")),
        }
    }
    if items.is_empty() {
        faults.add(format_args!("The list is empty; give at least one of {SCOPES}."));
    }
    Some(scopes)
}

/// What is given of what is asked: all that the caller may have where nothing is asked.
pub(super) fn allowed(
    allowance: &EffectivePolicy,
    scopes: Option<&[Scope]>,
    lifetime: Option<TokenLifetime>,
    record: &mut Record,
) -> Result<TokenRequest, Problem> {
    record.asked(scopes, lifetime);
    let token = record.unless_refused(allowance.allow(scopes, lifetime))?;
    record.token(&token);
    Ok(token)
}
