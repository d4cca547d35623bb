//! `POST me/token`.

use acs_tokens::access::AccessRules;
use serde_json::json;

use crate::{
    harness::{
        Answer, Api,
        people::{Owned, TENANT, claim},
    },
    host::{Generation, Keys},
};

through_each_host! {
    people:
    gives_everybody_an_identity_of_their_own, gives_all_that_is_allowed_to_whoever_asks_for_nothing,
    gives_what_is_asked_for, gives_the_bare_token_as_text, refuses_what_is_beyond_the_policy, refuses_wrong_fields,
    asks_acs_once_for_who_is_known, replaces_an_identity_that_is_gone, lets_in_nobody_but_people,
}

const PATH: &str = "/api/me/token";

async fn gives_everybody_an_identity_of_their_own(api: Api) {
    let (alice, bob) = (api.person("alice").await, api.person("bob").await);
    let first = api.own_token(&alice).await;
    let second = api.own_token(&alice).await;
    let bobs = api.own_token(&bob).await;
    assert_eq!(first.id, second.id);
    assert_ne!(first.id, bobs.id);
    // The same words at another issuer are somebody else's.
    let namesake = api.sign_in_by_entra(json!({ "sub": "alice", "tid": TENANT })).await;
    let namesake = api.own_token(&namesake).await;
    assert!(namesake.id != first.id && namesake.id != bobs.id);
    for token in [first.token, second.token, bobs.token, namesake.token] {
        assert_eq!(api.token_status(&token).await, "valid");
    }
    // A later sign-in of the same person, with other claims about them.
    let later = api.sign_in(json!({ "sub": "alice", "name": "Alice", "oid": "x", "roles": ["host"] })).await;
    let later = Owned::read_for(&api.post_of(&later, PATH, "{}").await, 1440);
    assert_eq!((later.id, api.identities().await), (first.id, 3));
}

/// A `tokenRefresher` posts nothing at all.
async fn gives_all_that_is_allowed_to_whoever_asks_for_nothing(api: Api) {
    let alice = api.person("alice").await;
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
        assert_eq!(claim(&Owned::read(&answer).token, "acsScope"), "chat.join,voip.join");
    }
    let host = api.sign_in(json!({ "sub": "a host", "roles": ["host"] })).await;
    let owned = Owned::read_for(&Answer::of(api.of(&host, "POST", PATH)).await, 1440);
    assert_eq!(claim(&owned.token, "acsScope"), "chat,voip");
}

async fn gives_what_is_asked_for(api: Api) {
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

async fn gives_the_bare_token_as_text(api: Api) {
    let alice = api.person("alice").await;
    let answer = Answer::of(api.of(&alice, "POST", PATH).header("accept", "text/plain")).await;
    answer.assert_ok(200);
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(api.token_status(&answer.body).await, "valid");
    assert_eq!(format!("8:{}", claim(&answer.body, "skypeid")), api.own_token(&alice).await.id);
}

async fn refuses_what_is_beyond_the_policy(api: Api) {
    let alice = api.person("alice").await;
    for (body, pointers) in [
        (r#"{"scopes":["chat.join","chat"]}"#, &["/scopes/1"][..]),
        (r#"{"expiresInMinutes":61}"#, &["/expiresInMinutes"]),
        (r#"{"scopes":["voip"],"expiresInMinutes":1440}"#, &["/scopes/0", "/expiresInMinutes"]),
    ] {
        api.post_of(&alice, PATH, body).await.assert_code(403, "beyond-policy", pointers);
    }
    assert_eq!(api.upstream_calls().await, 0);
}

async fn refuses_wrong_fields(api: Api) {
    let alice = api.person("alice").await;
    let minutes =
        "Give a whole number of minutes from 60 to 1440, or leave the field out for the most that you may have.";
    let unknown = "The field is unknown; the fields are scopes, expiresInMinutes.";
    for (body, errors) in [
        (
            r#"{"scopes":null}"#,
            &[("/scopes", "Give a list of chat, voip, chat.join, chat.join.limited, voip.join.")][..],
        ),
        (r#"{"expiresInMinutes":59}"#, &[("/expiresInMinutes", minutes)]),
        (r#"{"expiresInMinutes":1441,"minutes":60}"#, &[("/expiresInMinutes", minutes), ("/minutes", unknown)]),
    ] {
        api.post_of(&alice, PATH, body).await.assert_fields(errors);
    }
    let answer = api.post_of(&alice, PATH, "null").await;
    let detail = "The body is JSON, but not an object.";
    answer.assert_problem(400, "malformed-json", "The body is not JSON", detail, &[]);
    let answer = Answer::of(api.of(&alice, "POST", PATH).header("content-type", "text/plain").body("{}")).await;
    let detail = "Send the body with Content-Type: application/json.";
    answer.assert_problem(415, "unsupported-media-type", "The body is not application/json", detail, &[]);
    assert_eq!(api.upstream_calls().await, 0);
}

async fn asks_acs_once_for_who_is_known(api: Api) {
    let alice = api.person("alice").await;
    let calls = async || api.control("GET", "calls", None).await;
    api.own_token(&alice).await;
    assert_eq!(calls().await, json!({ "create-identity": { "received": 1, "faulted": 0 } }), "the token came along");
    api.control("DELETE", "calls", None).await;
    api.own_token(&alice).await;
    assert_eq!(calls().await, json!({ "issue-token": { "received": 1, "faulted": 0 } }));
}

async fn replaces_an_identity_that_is_gone(api: Api) {
    let alice = api.person("alice").await;
    let before = api.own_token(&alice).await;
    // By a back end, past the directory.
    assert_eq!(api.delete(&format!("/api/identities/{}", before.id)).await.status, 204);
    let after = api.own_token(&alice).await;
    assert_ne!(before.id, after.id);
    assert_eq!(api.own_token(&alice).await.id, after.id);
    assert_eq!(api.token_status(&before.token).await, "deleted");
}

async fn lets_in_nobody_but_people(api: Api) {
    let app = api.sign_in(json!({ "sub": "a back end", "roles": ["Tokens.Manage"] })).await;
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
async fn says_what_the_operator_has_not_set() {
    let api = Api::with_people(None, AccessRules::default()).await;
    let alice = api.person("alice").await;
    for (method, path) in [("POST", PATH), ("DELETE", "/api/me/tokens"), ("DELETE", "/api/me")] {
        // A stranger learns nothing of it.
        assert_eq!(Answer::of(api.request(method, path)).await.status, 401);
        let answer = Answer::of(api.of(&alice, method, path)).await;
        let detail =
            "No directory is set up that says whose identity is whose: the operator has to set USER_DIRECTORY.";
        answer.assert_problem(501, "turned-off", "Not turned on here", detail, &[]);
    }
    let api = Api::direct().await;
    let answer = Answer::of(api.request("POST", PATH).header("authorization", alice)).await;
    answer.assert_code(401, "unauthorized", &[]);
    assert_eq!(answer.header("www-authenticate"), "Bearer");
}

/// Behind a host that checks keys, people need none, and a key is nobody.
#[tokio::test]
async fn a_key_neither_helps_nor_is_needed() {
    let key = "a-function-key-of-the-host";
    let keys = Keys { master: "the-master-key".to_owned(), host: vec![key.to_owned()] };
    for generation in [Generation::Proxying, Generation::Forwarding] {
        let api = Api::hosted_with_people_and(generation, Some(keys.clone()), &[]).await;
        let alice = api.person("alice").await;
        let own = api.own_token(&alice).await;
        for key in [key, "the-master-key"] {
            let answer = Answer::of(api.request("POST", PATH).header("x-functions-key", key)).await;
            answer.assert_code(401, "unauthorized", &[]);
            assert_eq!(Answer::of(api.request("DELETE", &format!("/api/me?code={key}"))).await.status, 401);
        }
        // Nor does a sign-in stand in for a key.
        let tokens = format!("/api/identities/{}/tokens", own.id);
        assert_eq!(Answer::of(api.of(&alice, "DELETE", &tokens)).await.status, 401);
        assert_eq!(api.token_status(&own.token).await, "valid");
        assert_eq!(Answer::of(api.of(&alice, "DELETE", &tokens).header("x-functions-key", key)).await.status, 204);
        assert_eq!(api.token_status(&own.token).await, "revoked");
    }
}
