//! What an Entra token for Teams says of itself, looked at before ACS is asked: ACS answers all that is wrong alike.
//!
//! The signature is not checked, since ACS does that: a token that passes here proves nothing yet.

use http::{HeaderValue, header};
use jiff::Timestamp;
use jsonwebtoken::dangerous::insecure_decode_claims;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    auth::EntraAccount,
    problem::{FieldFault, Kind, Problem},
};

/// The names of ACS in Entra, in the public cloud and in that of the US government, and its application's id.
const AUDIENCES: [&str; 3] = [
    "https://auth.msft.communication.azure.com",
    "https://auth.msft.communication.azure.us",
    "1fd5118e-2576-4263-8130-9503064c837a",
];

/// One of them is enough: an app may have asked for calls alone, or for chats.
const SCOPES: [&str; 2] = ["Teams.ManageCalls", "Teams.ManageChats"];

/// By how much Entra's clock and ours may differ, in seconds.
const LEEWAY: i64 = 60;

type Claims = Map<String, Value>;

/// Whether the token is this person's, for this application, for Teams through ACS, and still good.
pub(super) fn check(token: &str, account: &EntraAccount, app: Uuid, now: Timestamp) -> Result<(), Problem> {
    let faults = match insecure_decode_claims::<Claims>(token) {
        Ok(claims) => faults(&claims, account, app, now.as_second()),
        Err(_) => vec!["The token is not a JWT: three parts in base64url, of which two are JSON objects."],
    };
    if faults.is_empty() {
        return Ok(());
    }
    let fault = |detail: &str| FieldFault { pointer: "/token".to_owned(), detail: detail.to_owned() };
    let errors = faults.into_iter().map(fault).collect();
    let detail =
        "The Teams user's token is not one to exchange for you, so ACS was not asked. See errors for each claim.";
    Err(Problem { errors, ..Problem::new(Kind::TeamsTokenRefused, detail) }
        .with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer error=\"invalid_token\"")))
}

/// What is wrong, in words that repeat nothing of the token: who it is for is none of the caller's business, unless it is
/// the caller.
fn faults(claims: &Claims, account: &EntraAccount, app: Uuid, now: i64) -> Vec<&'static str> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let is = |name: &str, id: Uuid| text(name).and_then(|text| text.parse().ok()) == Some(id);
    let seconds = |name: &str| claims.get(name).and_then(Value::as_i64);
    let audience = text("aud").map(|aud| aud.strip_suffix('/').unwrap_or(aud));
    let scopes = text("scp").unwrap_or_default();
    let checks = [
        (
            audience.is_some_and(|aud| AUDIENCES.contains(&aud)),
            "Its aud is not Azure Communication Services; ask Entra for the scopes \
             https://auth.msft.communication.azure.com/Teams.ManageCalls and …/Teams.ManageChats.",
        ),
        // Version 2 of the tokens has another name for it.
        (
            is("appid", app) || is("azp", app),
            "Its appid is not the application that your own token was given to; get both through the same one.",
        ),
        (
            is("oid", account.object_id),
            "Its oid is not you; get a token for the account that you are signed in with here.",
        ),
        (is("tid", account.tenant), "Its tid is not the tenant of the account that you are signed in with here."),
        (
            scopes.split(' ').any(|scope| SCOPES.contains(&scope)),
            "Its scp has neither Teams.ManageCalls nor Teams.ManageChats.",
        ),
        // Without leeway: the ACS token would end as early.
        (seconds("exp").is_some_and(|exp| now < exp), "Its exp has passed; get a new one."),
        (
            !claims.contains_key("nbf") || seconds("nbf").is_some_and(|nbf| nbf <= now + LEEWAY),
            "Its nbf is in the future; compare the clocks.",
        ),
    ];
    checks.into_iter().filter(|(good, _)| !good).map(|(_, detail)| detail).collect()
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

    /// The claims at fault, by their names, where one of good ones is another.
    fn at_fault(name: &str, value: &Value) -> String {
        let mut claims = json!({
            "aud": AUDIENCES[0], "appid": APP, "oid": USER, "tid": TENANT, "scp": SCOPES.join(" "), "exp": NOW + 1, "nbf": NOW,
        });
        claims[name] = value.clone();
        let account = EntraAccount { tenant: TENANT, object_id: USER, app_id: None };
        let Value::Object(claims) = claims else { panic!() };
        let faults = faults(&claims, &account, APP, NOW);
        let names = faults.iter().map(|fault| fault.strip_prefix("Its ").unwrap().split(' ').next().unwrap());
        names.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn each_claim_is_looked_at_by_itself() {
        for (name, value, fault) in [
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
            assert_eq!(at_fault(name, &value), fault, "{name} {value}");
        }
    }
}
