//! Checks of a Teams user's Entra token before it is sent to ACS, which has one answer for every invalid token.
//!
//! The signature is not verified here: ACS does that. A token that passes these checks is not trusted.

use jiff::Timestamp;
use jsonwebtoken::dangerous::insecure_decode_claims;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    auth::EntraAccount,
    problem::{FieldError, Problem, teams_token_refused},
};

/// ACS in Entra: its URIs in the public cloud and for the US government, and its application id.
const AUDIENCES: [&str; 3] = [
    "https://auth.msft.communication.azure.com",
    "https://auth.msft.communication.azure.us",
    "1fd5118e-2576-4263-8130-9503064c837a",
];

/// The kind of token that an Entra token is exchanged for.
pub(super) struct Purpose {
    /// The scopes of which a token needs at least one.
    scopes: &'static [&'static str],
    /// The errors for a wrong audience and for missing scopes.
    audience_error: &'static str,
    scope_error: &'static str,
}

/// A token of a Teams user.
pub(super) const TEAMS: Purpose = Purpose {
    scopes: &["Teams.ManageCalls", "Teams.ManageChats"],
    audience_error: "Its aud is not Azure Communication Services. Request the scopes Teams.ManageCalls and \
                     Teams.ManageChats of https://auth.msft.communication.azure.com.",
    scope_error: "Its scp has neither Teams.ManageCalls nor Teams.ManageChats.",
};

/// A token of Teams Phone.
pub(super) const TEAMS_PHONE: Purpose = Purpose {
    scopes: &["TeamsExtension.ManageCalls"],
    audience_error: "Its aud is not Azure Communication Services. Request the scope \
                     https://auth.msft.communication.azure.com/TeamsExtension.ManageCalls.",
    scope_error: "Its scp does not have TeamsExtension.ManageCalls. Request this scope and consent to it.",
};

/// The signed-in user and application that a token must be issued to; `None` if the caller is a back end.
type Holder<'a> = Option<(&'a EntraAccount, Uuid)>;

/// The tolerated difference between Entra's clock and this machine's, in seconds.
const LEEWAY: i64 = 60;

type Claims = Map<String, Value>;

/// Checks that the token is the holder's, for this purpose, and valid now.
pub(super) fn check(token: &str, purpose: &Purpose, holder: Holder<'_>, now: Timestamp) -> Result<(), Problem> {
    let errors = match insecure_decode_claims::<Claims>(token) {
        Ok(claims) => errors(&claims, purpose, holder, now.as_second()),
        Err(_) => vec!["The token is not a JWT."],
    };
    if errors.is_empty() {
        return Ok(());
    }
    let error = |detail: &str| FieldError { pointer: "/token".to_owned(), detail: detail.to_owned() };
    let errors = errors.into_iter().map(error).collect();
    let detail = if holder.is_some() {
        "The Teams user's token cannot be exchanged for you, so ACS was not called. See errors for each claim."
    } else {
        "The Teams user's token cannot be exchanged, so ACS was not called. See errors for each claim."
    };
    Err(Problem { errors, ..teams_token_refused(detail) })
}

/// Returns the errors. They repeat no claim: the token may be another user's.
fn errors(claims: &Claims, purpose: &Purpose, holder: Holder<'_>, now: i64) -> Vec<&'static str> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let is = |name: &str, id: Uuid| text(name).and_then(|text| text.parse().ok()) == Some(id);
    let seconds = |name: &str| claims.get(name).and_then(Value::as_i64);
    let audience = text("aud").map(|aud| aud.strip_suffix('/').unwrap_or(aud));
    let scopes = text("scp").unwrap_or_default();
    let checks = [
        (audience.is_some_and(|aud| AUDIENCES.contains(&aud)), purpose.audience_error),
        // Version 2 tokens have azp instead of appid.
        (
            holder.is_none_or(|(_, app)| is("appid", app) || is("azp", app)),
            "Its appid differs from that of your bearer token. Request both tokens with the same application.",
        ),
        (
            holder.is_none_or(|(account, _)| is("oid", account.object_id)),
            "Its oid differs from that of your bearer token. Sign in with the same account.",
        ),
        (
            holder.is_none_or(|(account, _)| is("tid", account.tenant)),
            "Its tid differs from that of your bearer token. Sign in to the same tenant.",
        ),
        (scopes.split(' ').any(|scope| purpose.scopes.contains(&scope)), purpose.scope_error),
        // No leeway: the ACS token would expire at the same time.
        (seconds("exp").is_some_and(|exp| now < exp), "Its exp has passed. Get a new token."),
        (
            !claims.contains_key("nbf") || seconds("nbf").is_some_and(|nbf| nbf <= now + LEEWAY),
            "Its nbf is in the future. Check the clock.",
        ),
    ];
    checks.into_iter().filter(|(valid, _)| !valid).map(|(_, detail)| detail).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::uuid;

    use super::*;

    const APP: Uuid = uuid!("2c3e1e83-8fd7-4615-ad2b-b8c1229845ac");
    const USER: Uuid = uuid!("32c0a5db-05ec-78ea-51ab-3f06b329397e");
    const TENANT: Uuid = uuid!("11111111-2222-4333-8444-555555555555");
    const NOW: i64 = 1_800_000_000;

    /// Returns the names of the claims that are reported if one claim of a valid token is replaced.
    fn reported(name: &str, value: &Value) -> String {
        let mut claims = json!({
            "aud": AUDIENCES[0], "appid": APP, "oid": USER, "tid": TENANT, "scp": TEAMS.scopes.join(" "), "exp": NOW + 1, "nbf": NOW,
        });
        claims[name] = value.clone();
        let account = EntraAccount { tenant: TENANT, object_id: USER, app_id: None };
        let Value::Object(claims) = claims else { panic!() };
        let errors = errors(&claims, &TEAMS, Some((&account, APP)), NOW);
        let names = errors.iter().map(|error| error.strip_prefix("Its ").unwrap().split(' ').next().unwrap());
        names.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn each_invalid_claim_is_reported() {
        for (name, value, error) in [
            ("more", json!(1), ""),
            ("aud", json!("https://auth.msft.communication.azure.us"), ""),
            ("aud", json!("1fd5118e-2576-4263-8130-9503064c837a"), ""),
            ("aud", json!("https://auth.msft.communication.azure.com//"), "aud"),
            ("aud", json!([AUDIENCES[0]]), "aud"),
            ("appid", json!(APP.to_string().to_uppercase()), ""),
            ("appid", json!(USER), "appid"),
            ("oid", json!(APP), "oid"),
            ("oid", json!(null), "oid"),
            ("tid", json!(USER), "tid"),
            ("scp", json!("Teams.ManageCalls"), ""),
            ("scp", json!("teams.managecalls"), "scp"),
            ("scp", json!(["Teams.ManageCalls"]), "scp"),
            ("exp", json!(NOW), "exp"),
            ("exp", json!((NOW + 1).to_string()), "exp"),
            ("nbf", json!(NOW + LEEWAY), ""),
            ("nbf", json!(NOW + LEEWAY + 1), "nbf"),
            ("nbf", json!(null), "nbf"),
        ] {
            assert_eq!(reported(name, &value), error, "{name} {value}");
        }
    }
}
