//! `POST identities/{id}/tokens`.

use crate::harness::{Answer, Api, FOREIGN_ID, assert_token};

through_each_host! {
    issues_and_refreshes, gives_the_bare_token_as_text, takes_the_longest_and_the_shortest_lifetime,
    refuses_wrong_fields, refuses_what_is_no_id, does_not_find_a_foreign_identity,
}

async fn issues_and_refreshes(api: Api) {
    let id = api.new_identity().await;
    let path = format!("/api/identities/{id}/tokens");
    let first = api.post(&path, r#"{"scopes":["voip"]}"#).await;
    first.assert_ok(200);
    let first = assert_token(&first.json(), 1440);
    let second = api.post(&path, r#"{"scopes":["chat","voip","chat.join","chat.join.limited","voip.join"]}"#).await;
    let second = assert_token(&second.json(), 1440);
    for token in [first, second] {
        assert_eq!(api.token_status(&token).await, "valid");
    }
}

async fn gives_the_bare_token_as_text(api: Api) {
    let id = api.new_identity().await;
    let request = api.request("POST", &format!("/api/identities/{id}/tokens")).header("accept", "text/plain");
    let answer = Answer::of(request.header("content-type", "application/json").body(r#"{"scopes":["voip"]}"#)).await;
    answer.assert_ok(200);
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(api.token_status(&answer.body).await, "valid");
}

async fn takes_the_longest_and_the_shortest_lifetime(api: Api) {
    let path = format!("/api/identities/{}/tokens", api.new_identity().await);
    for minutes in [60, 1440] {
        let answer = api.post(&path, &format!(r#"{{"scopes":["voip"],"expiresInMinutes":{minutes}}}"#)).await;
        assert_token(&answer.json(), minutes);
    }
}

async fn refuses_wrong_fields(api: Api) {
    let path = format!("/api/identities/{FOREIGN_ID}/tokens");
    let missing = "The field is missing: a list of chat, voip, chat.join, chat.join.limited, voip.join.";
    let empty = "The list is empty; give at least one of chat, voip, chat.join, chat.join.limited, voip.join.";
    let minutes = "Give a whole number of minutes from 60 to 1440, or leave the field out for 1440.";
    let stranger = "The field is unknown; the fields are scopes, expiresInMinutes.";
    for (body, errors) in [
        ("{}", &[("/scopes", missing)][..]),
        (r#"{"scopes":[]}"#, &[("/scopes", empty)]),
        (r#"{"scopes":["voip","voip"]}"#, &[("/scopes/1", "the scope voip is named twice")]),
        (r#"{"expiresInMinutes":59,"x":1}"#, &[("/scopes", missing), ("/expiresInMinutes", minutes), ("/x", stranger)]),
        (r#"{"scopes":["voip"],"expiresInMinutes":1441}"#, &[("/expiresInMinutes", minutes)]),
    ] {
        api.post(&path, body).await.assert_fields(errors);
    }
    assert_eq!(api.upstream_calls().await, 0);
}

async fn refuses_what_is_no_id(api: Api) {
    let detail = "The path holds no ACS identity id. One looks like 8:acs:<resource guid>_<user guid>.";
    for id in ["me", "8:orgid:32c0a5db", "8:acs:one-part", "8%3Aacs%3Aa_b%2Ftokens"] {
        let answer = api.post(&format!("/api/identities/{id}/tokens"), r#"{"scopes":["voip"]}"#).await;
        answer.assert_problem(400, "invalid-identity-id", "Not an identity id", detail, &[]);
    }
    assert_eq!(api.upstream_calls().await, 0);
}

async fn does_not_find_a_foreign_identity(api: Api) {
    let answer = api.post(&format!("/api/identities/{FOREIGN_ID}/tokens"), r#"{"scopes":["voip"]}"#).await;
    let detail = "The identity is not one of this ACS resource: it was deleted, or belongs to another resource.";
    answer.assert_problem(404, "identity-not-found", "No such identity", detail, &[]);
}
