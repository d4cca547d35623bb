//! `POST teams/tokens`.

use serde_json::{Value, json};

use crate::harness::{Answer, Api, assert_token};

through_each_host! {
    exchanges_the_token, gives_the_bare_token_as_text, refuses_wrong_fields, says_which_claim_is_wrong, refuses_a_bad_token,
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

async fn gives_the_bare_token_as_text(api: Api) {
    let body = json!({ "token": entra_token(&api, 3600).await, "appId": APP, "userId": USER });
    let request = api.request("POST", "/api/teams/tokens").header("accept", "text/plain");
    let answer = Answer::of(request.header("content-type", "application/json").body(body.to_string())).await;
    answer.assert_ok(200);
    assert_eq!(api.token_status(&answer.body).await, "valid");
}

async fn refuses_wrong_fields(api: Api) {
    let token = "Give the Teams user's Entra token, a string.";
    let guid = "Give a GUID, such as 2c3e1e83-8fd7-4615-ad2b-b8c1229845ac.";
    for (body, errors) in [
        (
            json!({}),
            &[
                ("/token", "The field is missing: the Teams user's Entra token."),
                ("/appId", "The field is missing: the id of the Entra application, a GUID."),
                ("/userId", "The field is missing: the object id of the Teams user in Entra, a GUID."),
            ][..],
        ),
        (
            json!({ "token": "", "appId": "invalid", "userId": 7 }),
            &[("/token", token), ("/appId", guid), ("/userId", guid)],
        ),
        (
            json!({ "token": "t", "appId": APP, "userId": USER, "tenant": 1 }),
            &[("/tenant", "The field is unknown; the fields are token, appId, userId.")],
        ),
    ] {
        api.post("/api/teams/tokens", &body.to_string()).await.assert_fields(errors);
    }
    assert_eq!(api.upstream_calls().await, 0);
}

async fn says_which_claim_is_wrong(api: Api) {
    let token = entra_token(&api, 3600).await;
    for (app, user, pointer, detail) in [
        (USER, USER, "/appId", "AAD application is not the expected one."),
        (APP, APP, "/userId", "Provided AAD token issued for unexpected user."),
    ] {
        let body = json!({ "token": token, "appId": app, "userId": user });
        let answer = api.post("/api/teams/tokens", &body.to_string()).await;
        answer.assert_problem(400, "refused-by-acs", "ACS refused the request", detail, &[(pointer, detail)]);
    }
}

async fn refuses_a_bad_token(api: Api) {
    let detail = "ACS does not take the token: it is expired, malformed, or not issued for Teams calls through ACS. \
                  Get a new one from Entra.";
    for token in [json!("garbage"), entra_token(&api, -60).await] {
        let body = json!({ "token": token, "appId": APP, "userId": USER });
        let answer = api.post("/api/teams/tokens", &body.to_string()).await;
        answer.assert_problem(401, "teams-token-refused", "The Teams user's token is not valid", detail, &[]);
        assert_eq!(answer.header("www-authenticate"), "Bearer error=\"invalid_token\"");
    }
}
