//! `POST identities/{id}/tokens`.

use crate::harness::{Answer, Api, FOREIGN_ID, assert_token};

through_each_host! {
    issues_and_refreshes, accept_text_returns_the_bare_token, lifetime_is_60_to_1440_minutes,
    invalid_fields_are_refused, invalid_id_is_refused, unknown_identity_is_not_found,
}

async fn issues_and_refreshes(api: Api) {
    let path = format!("/api/identities/{}/tokens", api.new_identity().await);
    let first = api.post(&path, r#"{"scopes":["voip"]}"#).await;
    first.assert_ok(200);
    let second = api.post(&path, r#"{"scopes":["chat","voip","chat.join","chat.join.limited","voip.join"]}"#).await;
    for token in [first, second] {
        assert_eq!(api.token_status(&assert_token(&token.json(), 1440)).await, "valid");
    }
}

async fn accept_text_returns_the_bare_token(api: Api) {
    let id = api.new_identity().await;
    let request = api.request("POST", &format!("/api/identities/{id}/tokens")).header("accept", "text/plain");
    let answer = Answer::of(request.header("content-type", "application/json").body(r#"{"scopes":["voip"]}"#)).await;
    answer.assert_ok(200);
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(api.token_status(&answer.body).await, "valid");
}

async fn lifetime_is_60_to_1440_minutes(api: Api) {
    let path = format!("/api/identities/{}/tokens", api.new_identity().await);
    for minutes in [60, 1440] {
        let answer = api.post(&path, &format!(r#"{{"scopes":["voip"],"expiresInMinutes":{minutes}}}"#)).await;
        assert_token(&answer.json(), minutes);
    }
}

async fn invalid_fields_are_refused(api: Api) {
    let path = format!("/api/identities/{FOREIGN_ID}/tokens");
    for (body, pointers) in [
        ("{}", &["/scopes"][..]),
        (r#"{"scopes":[]}"#, &["/scopes"]),
        (r#"{"scopes":["voip","voip"]}"#, &["/scopes/1"]),
        (r#"{"expiresInMinutes":59,"x":1}"#, &["/scopes", "/expiresInMinutes", "/x"]),
        (r#"{"scopes":["voip"],"expiresInMinutes":1441}"#, &["/expiresInMinutes"]),
    ] {
        api.post(&path, body).await.assert_code(400, "invalid-fields", pointers);
    }
    assert_eq!(api.upstream_calls().await, 0);
}

async fn invalid_id_is_refused(api: Api) {
    for id in ["me", "8:orgid:32c0a5db", "8:acs:one-part", "8%3Aacs%3Aa_b%2Ftokens"] {
        let answer = api.post(&format!("/api/identities/{id}/tokens"), r#"{"scopes":["voip"]}"#).await;
        answer.assert_code(400, "invalid-identity-id", &[]);
    }
    assert_eq!(api.upstream_calls().await, 0);
}

async fn unknown_identity_is_not_found(api: Api) {
    let answer = api.post(&format!("/api/identities/{FOREIGN_ID}/tokens"), r#"{"scopes":["voip"]}"#).await;
    answer.assert_code(404, "identity-not-found", &[]);
}
