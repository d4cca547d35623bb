//! `POST teams/tokens`.

use serde_json::{Value, json};

use crate::harness::{Answer, Api, assert_token};

through_each_host! {
    exchanges_the_token, accept_text_returns_the_bare_token, invalid_fields_are_refused,
    token_of_another_user_or_application_is_refused, invalid_token_is_refused,
}

const APP: &str = "2c3e1e83-8fd7-4615-ad2b-b8c1229845ac";
const USER: &str = "32c0a5db-05ec-78ea-51ab-3f06b329397e";

async fn entra_token(api: &Api, seconds: i64) -> Value {
    let request = json!({ "appId": APP, "userId": USER, "expiresInSeconds": seconds });
    api.control("POST", "entra/tokens", Some(request)).await["token"].clone()
}

async fn exchanges_the_token(api: Api) {
    let token = entra_token(&api, 45 * 60).await;
    let answer =
        api.post("/api/teams/tokens", &json!({ "token": token, "appId": APP, "userId": USER }).to_string()).await;
    answer.assert_ok(200);
    let token = assert_token(&answer.json(), 45);
    assert_eq!(api.token_status(&token).await, "valid");
}

async fn accept_text_returns_the_bare_token(api: Api) {
    let body = json!({ "token": entra_token(&api, 3600).await, "appId": APP, "userId": USER });
    let request = api.request("POST", "/api/teams/tokens").header("accept", "text/plain");
    let answer = Answer::of(request.header("content-type", "application/json").body(body.to_string())).await;
    answer.assert_ok(200);
    assert_eq!(api.token_status(&answer.body).await, "valid");
}

async fn invalid_fields_are_refused(api: Api) {
    for (body, pointers) in [
        (json!({}), &["/token", "/appId", "/userId"][..]),
        (json!({ "token": "", "appId": "invalid", "userId": 7 }), &["/token", "/appId", "/userId"]),
        (json!({ "token": "t", "appId": APP, "userId": USER, "tenant": 1 }), &["/tenant"]),
    ] {
        api.post("/api/teams/tokens", &body.to_string()).await.assert_code(400, "invalid-fields", pointers);
    }
    assert_eq!(api.upstream_calls().await, 0);
}

async fn token_of_another_user_or_application_is_refused(api: Api) {
    let token = entra_token(&api, 3600).await;
    for (app, user, pointer) in [(USER, USER, "/appId"), (APP, APP, "/userId")] {
        let body = json!({ "token": token, "appId": app, "userId": user });
        api.post("/api/teams/tokens", &body.to_string()).await.assert_code(400, "refused-by-acs", &[pointer]);
    }
}

async fn invalid_token_is_refused(api: Api) {
    for token in [json!("garbage"), entra_token(&api, -60).await] {
        let body = json!({ "token": token, "appId": APP, "userId": USER });
        let answer = api.post("/api/teams/tokens", &body.to_string()).await;
        answer.assert_code(401, "teams-token-refused", &[]);
        assert_eq!(answer.header("www-authenticate"), "Bearer error=\"invalid_token\"");
    }
}
