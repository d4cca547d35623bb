//! What an Entra token for Teams says of itself, looked at before ACS is asked: ACS answers all that is wrong alike.
//!
//! The signature is not checked, since ACS does that: a token that passes here proves nothing yet.

use http::{HeaderValue, header};
use jiff::Timestamp;
use jsonwebtoken::dangerous::insecure_decode_claims;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    callers::EntraAccount,
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
