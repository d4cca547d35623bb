//! The exchange of a Teams user's Entra token.

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use serde_json::{Value, json};

use super::{Answer, Server, managed_identity, tokens};

const APP: &str = "2c3e1e83-8fd7-4615-ad2b-b8c1229845ac";
const USER: &str = "32c0a5db-05ec-78ea-51ab-3f06b329397e";

async fn entra(server: &Server, expires_in_seconds: i32) -> Value {
    let spec = json!({"appId": APP, "userId": USER, "expiresInSeconds": expires_in_seconds});
    server.post("entra/tokens", &spec).await
}

async fn exchange(server: &Server, body: &Value) -> Answer {
    server.call("POST", "/teamsUser/:exchangeAccessToken?api-version=2026-09-23", &body.to_string()).await
}

#[tokio::test]
async fn the_token_expires_with_the_entra_token() {
    let server = Server::start().await;
    let entra = entra(&server, 1234).await;
    tokens::assert_signed(&server, entra["token"].as_str().unwrap()).await;
    let answer = exchange(&server, &json!({"token": entra["token"], "appId": APP, "userId": USER})).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let json = answer.json();
    assert_eq!(answer.body, format!(r#"{{"token":{},"expiresOn":{}}}"#, json["token"], json["expiresOn"]));
    let token = json["token"].as_str().unwrap();
    assert_eq!(server.token_status(token).await, "valid");
    let payload = STANDARD_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&payload).unwrap();
    let time = |value: &Value| value.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let (expires_on, answered) = (time(&entra["expiresOn"]), time(&json["expiresOn"]));
    assert_eq!((expires_on.subsec_nanosecond(), answered.as_second()), (0, expires_on.as_second()));
    assert_ne!(answered.subsec_nanosecond(), 0, "recorded times have sub-seconds");
    assert_eq!(claims["skypeid"], format!("orgid:{USER}"));
    assert_eq!(claims["tid"], "e27a0000-0000-4000-8000-e27a00000000");
    assert_eq!(claims["exp"], expires_on.as_second());
}

#[tokio::test]
async fn a_token_that_is_not_a_teams_users_is_invalid() {
    let server = Server::start().await;
    let acs = server.token(&server.identity().await, r#"{"scopes":["voip"]}"#).await;
    let entra = entra(&server, 3600).await["token"].as_str().unwrap().to_owned();
    let without_signature = entra.rsplit_once('.').unwrap().0;
    // Of the same tenant, but for another audience.
    let request = managed_identity::token_request(&server, managed_identity::TOKEN);
    let identity = server.send(&request).await.json()["access_token"].as_str().unwrap().to_owned();
    for token in [&*acs, "a.b.c", without_signature, &identity] {
        let answer = exchange(&server, &json!({"token": token, "appId": APP, "userId": USER})).await;
        answer.assert_error(401, "InvalidAccessToken", "Provided access token is not valid.", None);
    }
}

/// The order of the first three is that of recorded exchanges; see tests/recorded. The rest is chosen.
#[tokio::test]
async fn the_first_error_of_an_exchange_is_answered() {
    let server = Server::start().await;
    let token = entra(&server, 3600).await["token"].clone();
    let other = "00000000-0000-0000-0000-000000000001";
    let missing = (400, "ValidationError", "The body is either missing or doesn't contain any token.", None);
    let invalid = (401, "InvalidAccessToken", "Provided access token is not valid.", None);
    let field = |message, target| (400, "ValidationError", message, Some(target));
    for (body, (status, code, message, target)) in [
        (json!(null), missing),
        (json!({"token": null, "appId": "", "userId": ""}), missing),
        (json!({"token": ""}), invalid),
        (json!({"token": "invalid", "appId": "invalid", "userId": ""}), invalid),
        (json!({"token": token}), field("AppId: The AppId field is required.", "AppId")),
        (json!({"token": token, "appId": "invalid"}), field("UserId: The UserId field is required.", "UserId")),
        (
            json!({"token": token, "appId": "invalid", "userId": "invalid"}),
            field("Provided AppId has invalid format.", "appId"),
        ),
        (
            json!({"token": token, "appId": other, "userId": "invalid"}),
            field("Provided UserId has invalid format.", "userId"),
        ),
        (
            json!({"token": token, "appId": other, "userId": other}),
            field("AAD application is not the expected one.", "appId"),
        ),
    ] {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = server.call("POST", "/teamsUser/:exchangeAccessToken?api-version=2026-09-23", &body).await;
        answer.assert_error(status, code, message, target);
    }
}
