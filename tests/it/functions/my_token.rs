//! `POST me/token`.

use acs_tokens::access::AccessRules;
use serde_json::json;

use crate::{
    harness::{
        Answer, Api,
        users::{Owned, TENANT, claim},
    },
    host::{Generation, Keys},
};

through_each_host! {
    users:
    each_user_has_one_identity, empty_body_requests_all_that_is_allowed, issues_what_is_requested,
    accept_text_returns_the_bare_token, policy_limits_scopes_and_lifetime, invalid_fields_are_refused,
    known_user_costs_one_acs_call, deleted_identity_is_replaced, only_users_are_accepted,
}

const PATH: &str = "/api/me/token";

async fn each_user_has_one_identity(api: Api) {
    let (alice, bob) = (api.sign_in_as("alice").await, api.sign_in_as("bob").await);
    let first = api.own_token(&alice).await;
    let second = api.own_token(&alice).await;
    let bobs = api.own_token(&bob).await;
    assert_eq!(first.id, second.id);
    assert_ne!(first.id, bobs.id);
    // The same subject at another issuer is another user.
    let claims = json!({ "sub": "alice", "tid": TENANT, "oid": "alice", "scp": "access_as_user" });
    let namesake = api.sign_in_by_entra(claims).await;
    let namesake = api.own_token(&namesake).await;
    assert!(namesake.id != first.id && namesake.id != bobs.id);
    for token in [first.token, second.token, bobs.token, namesake.token] {
        assert_eq!(api.token_status(&token).await, "valid");
    }
    // The same user with other claims.
    let later = api.sign_in(json!({ "sub": "alice", "name": "Alice", "oid": "x", "roles": ["host"] })).await;
    let later = Owned::read_for(&api.post_of(&later, PATH, "{}").await, 1440);
    assert_eq!((later.id, api.identities().await), (first.id, 3));
}

/// A `tokenRefresher` sends no body.
async fn empty_body_requests_all_that_is_allowed(api: Api) {
    let alice = api.sign_in_as("alice").await;
    let post = || api.of(&alice, "POST", PATH);
    for request in [
        post(),
        post().header("content-length", "0"),
        post().header("content-type", "application/json"),
        post().header("content-type", "text/plain").header("content-length", "0"),
        post().header("content-type", "application/json").body("{}"),
    ] {
        let answer = Answer::of(request).await;
        answer.assert_ok(200);
        assert_eq!(claim(&Owned::read(&answer).token, "acsScope"), "voip.join");
    }
    let host = api.sign_in(json!({ "sub": "a host", "roles": ["host"] })).await;
    let owned = Owned::read_for(&Answer::of(api.of(&host, "POST", PATH)).await, 1440);
    assert_eq!(claim(&owned.token, "acsScope"), "chat,voip");
}

async fn issues_what_is_requested(api: Api) {
    let host = api.sign_in(json!({ "sub": "a host", "roles": ["host", "other"] })).await;
    for (body, minutes, scopes) in [
        (r#"{"scopes":["chat"],"expiresInMinutes":90}"#, 90, "chat"),
        (r#"{"scopes":["voip.join","chat.join.limited"]}"#, 1440, "voip.join,chat.join.limited"),
        (r#"{"expiresInMinutes":60}"#, 60, "chat,voip"),
    ] {
        let answer = api.post_of(&host, PATH, body).await;
        answer.assert_ok(200);
        assert_eq!(claim(&Owned::read_for(&answer, minutes).token, "acsScope"), scopes, "{body}");
    }
}

async fn accept_text_returns_the_bare_token(api: Api) {
    let alice = api.sign_in_as("alice").await;
    let answer = Answer::of(api.of(&alice, "POST", PATH).header("accept", "text/plain")).await;
    answer.assert_ok(200);
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(api.token_status(&answer.body).await, "valid");
    assert_eq!(format!("8:{}", claim(&answer.body, "skypeid")), api.own_token(&alice).await.id);
}

async fn policy_limits_scopes_and_lifetime(api: Api) {
    let alice = api.sign_in_as("alice").await;
    for (body, pointers) in [
        (r#"{"scopes":["voip.join","chat.join"]}"#, &["/scopes/1"][..]),
        (r#"{"expiresInMinutes":61}"#, &["/expiresInMinutes"]),
        (r#"{"scopes":["voip"],"expiresInMinutes":1440}"#, &["/scopes/0", "/expiresInMinutes"]),
    ] {
        api.post_of(&alice, PATH, body).await.assert_code(403, "beyond-policy", pointers);
    }
    assert_eq!(api.upstream_calls().await, 0);
}

async fn invalid_fields_are_refused(api: Api) {
    let alice = api.sign_in_as("alice").await;
    for (body, pointers) in [
        (r#"{"scopes":null}"#, &["/scopes"][..]),
        (r#"{"expiresInMinutes":59}"#, &["/expiresInMinutes"]),
        (r#"{"expiresInMinutes":1441,"minutes":60}"#, &["/expiresInMinutes", "/minutes"]),
    ] {
        api.post_of(&alice, PATH, body).await.assert_code(400, "invalid-fields", pointers);
    }
    api.post_of(&alice, PATH, "null").await.assert_code(400, "malformed-json", &[]);
    let answer = Answer::of(api.of(&alice, "POST", PATH).header("content-type", "text/plain").body("{}")).await;
    answer.assert_code(415, "unsupported-media-type", &[]);
    assert_eq!(api.upstream_calls().await, 0);
}

async fn known_user_costs_one_acs_call(api: Api) {
    let alice = api.sign_in_as("alice").await;
    let calls = async || api.control("GET", "calls", None).await;
    api.own_token(&alice).await;
    assert_eq!(calls().await, json!({ "create-identity": { "received": 1, "faulted": 0 } }));
    api.control("DELETE", "calls", None).await;
    api.own_token(&alice).await;
    assert_eq!(calls().await, json!({ "issue-token": { "received": 1, "faulted": 0 } }));
}

async fn deleted_identity_is_replaced(api: Api) {
    let alice = api.sign_in_as("alice").await;
    let before = api.own_token(&alice).await;
    // A back end deletes it without the directory.
    assert_eq!(api.delete(&format!("/api/identities/{}", before.id)).await.status, 204);
    let after = api.own_token(&alice).await;
    assert_ne!(before.id, after.id);
    assert_eq!(api.own_token(&alice).await.id, after.id);
    assert_eq!(api.token_status(&before.token).await, "deleted");
}

async fn only_users_are_accepted(api: Api) {
    let app = api.sign_in(json!({ "sub": "a back end", "azp": "a back end", "roles": ["Tokens.Manage"] })).await;
    let lesser = api.sign_in(json!({ "sub": "a back end", "client_id": "a back end" })).await;
    for path in ["/api/me/token", "/api/me/teams-token", "/api/me/tokens", "/api/me"] {
        let method = if path.contains("/me/t") && !path.ends_with('s') { "POST" } else { "DELETE" };
        let answer = Answer::of(api.request(method, path)).await;
        answer.assert_code(401, "unauthorized", &[]);
        assert_eq!(answer.header("www-authenticate"), "Bearer");
        for application in [&app, &lesser] {
            Answer::of(api.of(application, method, path)).await.assert_code(403, "forbidden", &[]);
        }
    }
    assert_eq!(api.upstream_calls().await, 0);
}

#[tokio::test]
async fn missing_settings_are_reported() {
    let api = Api::with_users(None, AccessRules::default()).await;
    let alice = api.sign_in_as("alice").await;
    for (method, path) in [("POST", PATH), ("DELETE", "/api/me/tokens"), ("DELETE", "/api/me")] {
        // Only authenticated callers learn about the settings.
        assert_eq!(Answer::of(api.request(method, path)).await.status, 401);
        Answer::of(api.of(&alice, method, path)).await.assert_code(501, "turned-off", &[]);
    }
    let api = Api::direct().await;
    let answer = Answer::of(api.request("POST", PATH).header("authorization", alice)).await;
    answer.assert_code(401, "unauthorized", &[]);
    assert_eq!(answer.header("www-authenticate"), "Bearer");
}

#[tokio::test]
async fn function_key_is_neither_needed_nor_accepted() {
    let key = "a-function-key-of-the-host";
    let keys = Keys { master: "the-master-key".to_owned(), host: vec![key.to_owned()] };
    for generation in [Generation::Proxying, Generation::Forwarding] {
        let api = Api::hosted_with_users_and(generation, Some(keys.clone()), &[]).await;
        let alice = api.sign_in_as("alice").await;
        let own = api.own_token(&alice).await;
        for key in [key, "the-master-key"] {
            let answer = Answer::of(api.request("POST", PATH).header("x-functions-key", key)).await;
            answer.assert_code(401, "unauthorized", &[]);
            assert_eq!(Answer::of(api.request("DELETE", &format!("/api/me?code={key}"))).await.status, 401);
        }
        // A user's token does not replace a function key.
        let tokens = format!("/api/identities/{}/tokens", own.id);
        assert_eq!(Answer::of(api.of(&alice, "DELETE", &tokens)).await.status, 401);
        assert_eq!(api.token_status(&own.token).await, "valid");
        assert_eq!(Answer::of(api.of(&alice, "DELETE", &tokens).header("x-functions-key", key)).await.status, 204);
        assert_eq!(api.token_status(&own.token).await, "revoked");
    }
}
