//! The exchange of a Teams user's token, with Entra tokens of the emulator's own.

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use serde_json::{Value, json};

use super::{Answer, Bench, STABLE, tokens};

const APP: &str = "2c3e1e83-8fd7-4615-ad2b-b8c1229845ac";
const USER: &str = "32c0a5db-05ec-78ea-51ab-3f06b329397e";

async fn entra(bench: &Bench, more: &Value) -> Value {
    let mut order = json!({"appId": APP, "userId": USER});
    order.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let answer = bench.control("POST", "entra/tokens", &order).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

async fn exchange(bench: &Bench, token: &Value, app: &str, user: &str) -> Answer {
    let body = json!({"token": token, "appId": app, "userId": user}).to_string();
    bench.ask("POST", &format!("/teamsUser/:exchangeAccessToken?{STABLE}"), &body).await
}

#[tokio::test]
async fn the_token_ends_when_the_entra_token_does() {
    let bench = Bench::start().await;
    let entra = entra(&bench, &json!({"expiresInSeconds": 1234})).await;
    tokens::assert_signed(&bench, entra["token"].as_str().unwrap()).await;
    let answer = exchange(&bench, &entra["token"], APP, USER).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let json = answer.json();
    assert_eq!(answer.body, format!(r#"{{"token":{},"expiresOn":{}}}"#, json["token"], entra["expiresOn"]));
    let token = json["token"].as_str().unwrap();
    assert_eq!(tokens::status(&bench, token).await, "valid");
    let payload = STANDARD_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!(claims["skypeid"], format!("orgid:{USER}"));
    assert_eq!(claims["tid"], "e27a0000-0000-4000-8000-e27a00000000");
    let expires_on: jiff::Timestamp = entra["expiresOn"].as_str().unwrap().parse().unwrap();
    assert_eq!(claims["exp"], expires_on.as_second());
}

#[tokio::test]
async fn recorded_tokens_that_are_none() {
    let bench = Bench::start().await;
    let expired = entra(&bench, &json!({"expiresInSeconds": -1})).await;
    let id = bench.identity().await;
    let acs =
        bench.ask("POST", &format!("/identities/{id}/:issueAccessToken?{STABLE}"), r#"{"scopes":["voip"]}"#).await;
    for token in [json!(""), json!("invalid"), expired["token"].clone(), acs.json()["token"].clone()] {
        let answer = exchange(&bench, &token, APP, USER).await;
        let expected = r#"{"error":{"code":"InvalidAccessToken","message":"Provided access token is not valid."}}"#;
        assert_eq!((answer.status, answer.body.as_str()), (401, expected));
        assert_eq!(answer.header("api-supported-versions"), None);
    }
}

#[tokio::test]
async fn recorded_app_and_user_ids_that_are_missing_wrong_or_anothers() {
    let bench = Bench::start().await;
    let token = &entra(&bench, &json!({})).await["token"];
    let other = "00000000-0000-0000-0000-000000000001";
    for (app, user, message, target) in [
        ("", USER, "AppId: The AppId field is required.", "AppId"),
        ("invalid", USER, "Provided AppId has invalid format.", "appId"),
        (other, USER, "AAD application is not the expected one.", "appId"),
        (APP, "", "UserId: The UserId field is required.", "UserId"),
        (APP, "invalid", "Provided UserId has invalid format.", "userId"),
        (APP, other, "Provided AAD token issued for unexpected user.", "userId"),
    ] {
        let answer = exchange(&bench, token, app, user).await;
        let expected = format!(r#"{{"error":{{"code":"ValidationError","message":"{message}","target":"{target}"}}}}"#);
        assert_eq!((answer.status, answer.body), (400, expected));
    }
    let body = json!({"appId": APP, "userId": USER}).to_string();
    let answer = bench.ask("POST", &format!("/teamsUser/:exchangeAccessToken?{STABLE}"), &body).await;
    let expected =
        r#"{"error":{"code":"ValidationError","message":"Token: The Token field is required.","target":"Token"}}"#;
    assert_eq!((answer.status, answer.body.as_str()), (400, expected));
}
