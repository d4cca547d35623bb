//! The exchange of a Teams user's Entra token.

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use serde_json::{Value, json};

use super::{Answer, Server, tokens};

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
    assert_eq!(answer.body, format!(r#"{{"token":{},"expiresOn":{}}}"#, json["token"], entra["expiresOn"]));
    let token = json["token"].as_str().unwrap();
    assert_eq!(server.token_status(token).await, "valid");
    let payload = STANDARD_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&payload).unwrap();
    let expires_on: jiff::Timestamp = entra["expiresOn"].as_str().unwrap().parse().unwrap();
    assert_eq!(claims["skypeid"], format!("orgid:{USER}"));
    assert_eq!(claims["tid"], "e27a0000-0000-4000-8000-e27a00000000");
    assert_eq!(claims["exp"], expires_on.as_second());
}

#[tokio::test]
async fn recorded_errors_for_invalid_tokens() {
    let server = Server::start().await;
    let expired = entra(&server, -1).await["token"].clone();
    let acs = server.token(&server.identity().await, r#"{"scopes":["voip"]}"#).await;
    for token in [json!(""), json!("invalid"), expired, json!(acs)] {
        let answer = exchange(&server, &json!({"token": token, "appId": APP, "userId": USER})).await;
        answer.assert_error(401, "InvalidAccessToken", "Provided access token is not valid.", None);
        assert_eq!(answer.header("api-supported-versions"), None);
    }
}

#[tokio::test]
async fn recorded_errors_for_invalid_fields() {
    let server = Server::start().await;
    let token = &entra(&server, 3600).await["token"];
    let other = "00000000-0000-0000-0000-000000000001";
    for (token, app, user, message, target) in [
        (&Value::Null, APP, USER, "Token: The Token field is required.", "Token"),
        (token, "", USER, "AppId: The AppId field is required.", "AppId"),
        (token, "invalid", USER, "Provided AppId has invalid format.", "appId"),
        (token, other, USER, "AAD application is not the expected one.", "appId"),
        (token, APP, "", "UserId: The UserId field is required.", "UserId"),
        (token, APP, "invalid", "Provided UserId has invalid format.", "userId"),
        (token, APP, other, "Provided AAD token issued for unexpected user.", "userId"),
    ] {
        let answer = exchange(&server, &json!({"token": token, "appId": app, "userId": user})).await;
        answer.assert_error(400, "ValidationError", message, Some(target));
    }
}
