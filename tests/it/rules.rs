//! The rules for callers through the whole app: policy, limits, CORS, each answer with its exact headers.

use acs_tokens::{
    access::{
        AccessRules,
        rate_limits::{RateLimits, Rates},
    },
    auth::{BackendAuth, CallerKey},
    directory,
    http::allowed_origins::Cors,
};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::harness::{Answer, Api, assert_token};

const POLICY: &str = r#"{"keys":{"web":{"scopes":["chat.join","voip"],"maxMinutes":90}}}"#;

fn key_of(name: &str) -> String {
    format!("{name}-has-a-key-of-its-own")
}

/// The app for the callers `web` and `bot`.
async fn api(rules: AccessRules) -> Api {
    let keys = ["web", "bot"].map(|name| CallerKey { name: name.to_owned(), key: key_of(name).into() });
    Api::with_rules(&BackendAuth::Keys(keys.into()).into(), rules).await
}

async fn under_policy() -> Api {
    api(AccessRules { policy: POLICY.parse().unwrap(), ..AccessRules::default() }).await
}

async fn post(api: &Api, name: &str, path: &str, body: &str) -> Answer {
    let request = api.request("POST", path).header("content-type", "application/json").body(body.to_owned());
    Answer::of(request.header("x-functions-key", key_of(name))).await
}

async fn new_identity(api: &Api) -> String {
    let answer = post(api, "bot", "/api/identities", "{}").await;
    answer.json()["identity"]["id"].as_str().unwrap().to_owned()
}

/// The scopes that the emulator wrote into a token.
fn scopes(token: &str) -> String {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let payload: Value = serde_json::from_slice(&payload).unwrap();
    payload["acsScope"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn asking_for_nothing_gives_all_that_is_allowed() {
    let api = under_policy().await;
    let tokens = format!("/api/identities/{}/tokens", new_identity(&api).await);
    for (body, minutes, given) in [
        ("{}", 90, "voip,chat.join"),
        (r#"{"expiresInMinutes":60}"#, 60, "voip,chat.join"),
        (r#"{"scopes":["chat.join"]}"#, 90, "chat.join"),
        (r#"{"scopes":["voip.join","chat.join.limited"],"expiresInMinutes":90}"#, 90, "voip.join,chat.join.limited"),
    ] {
        let answer = post(&api, "web", &tokens, body).await;
        answer.assert_ok(200);
        assert_eq!(scopes(&assert_token(&answer.json(), minutes)), given, "{body}");
    }
    let answer = post(&api, "web", "/api/identities", r#"{"createTokenWithScopes":["voip"]}"#).await;
    assert_token(&answer.json()["accessToken"], 90);
    // An identity without a token is no token at all.
    assert!(post(&api, "web", "/api/identities", "{}").await.json().get("accessToken").is_none());
}

#[tokio::test]
async fn what_is_beyond_the_policy_is_refused() {
    let api = under_policy().await;
    let tokens = format!("/api/identities/{}/tokens", new_identity(&api).await);
    let before = api.upstream_calls().await;
    let detail = "You may have the scopes voip, chat.join for at most 90 minutes. Ask for no more, or leave the field out for all of it.";
    let chat = "The scope chat is not allowed; what is allowed is voip, chat.join.";
    let minutes = "At most 90 minutes are allowed.";
    for (path, body, errors) in [
        (&*tokens, r#"{"scopes":["voip","chat"]}"#, &[("/scopes/1", chat)][..]),
        (&tokens, r#"{"expiresInMinutes":91}"#, &[("/expiresInMinutes", minutes)]),
        (
            &tokens,
            r#"{"scopes":["chat"],"expiresInMinutes":1440}"#,
            &[("/scopes/0", chat), ("/expiresInMinutes", minutes)],
        ),
        ("/api/identities", r#"{"createTokenWithScopes":["voip","chat"]}"#, &[("/createTokenWithScopes/1", chat)]),
        (
            "/api/identities",
            r#"{"createTokenWithScopes":["voip"],"expiresInMinutes":100}"#,
            &[("/expiresInMinutes", minutes)],
        ),
    ] {
        let answer = post(&api, "web", path, body).await;
        answer.assert_problem(403, "beyond-policy", "More than the caller may have", detail, errors);
    }
    // Whoever says in the body who they are is not believed.
    let answer = post(&api, "web", &tokens, r#"{"scopes":["chat"],"roles":["host"]}"#).await;
    answer.assert_fields(&[("/roles", "The field is unknown; the fields are scopes, expiresInMinutes.")]);
    assert_eq!(api.upstream_calls().await, before);
}

#[tokio::test]
async fn a_key_without_an_entry_has_no_limit() {
    let api = under_policy().await;
    let tokens = format!("/api/identities/{}/tokens", new_identity(&api).await);
    let answer = post(&api, "bot", &tokens, r#"{"scopes":["chat","voip"]}"#).await;
    assert_eq!(scopes(&assert_token(&answer.json(), 1440)), "chat,voip");
    let missing = "The field is missing: a list of chat, voip, chat.join, chat.join.limited, voip.join.";
    post(&api, "bot", &tokens, "{}").await.assert_fields(&[("/scopes", missing)]);
}

#[tokio::test]
async fn who_calls_too_often_is_told_when_to_come_back() {
    // 2 a minute: a test would have to last half a minute to get one back.
    let limits = RateLimits::new(Rates { users: None, keys: 2.try_into().ok() });
    let api = api(AccessRules { rate_limits: limits, ..AccessRules::default() }).await;
    for _ in 0..2 {
        post(&api, "web", "/api/identities", "{}").await.assert_ok(201);
    }
    let answer = post(&api, "web", "/api/teams/tokens", "{}").await;
    let wait: u64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=30).contains(&wait), "{wait}");
    let detail =
        format!("You have called too often: 2 calls in 60 s are allowed. Nothing was done; try again in {wait} s.");
    answer.assert_problem(429, "rate-limited", "The caller calls too often", &detail, &[]);
    // Others are not touched, nor is what needs no key; and a wrong key is no caller.
    post(&api, "bot", "/api/identities", "{}").await.assert_ok(201);
    assert_eq!(Answer::of(api.request("GET", "/api/health")).await.status, 200);
    assert_eq!(post(&api, "eve", "/api/identities", "{}").await.status, 401);
    assert_eq!(api.upstream_calls().await, 3);
}

#[tokio::test]
async fn people_are_counted_each_by_themselves() {
    // One a minute, which the rest of a test does not last.
    let limits = RateLimits::new(Rates { users: 1.try_into().ok(), keys: None });
    let directory = directory::DirectorySettings::in_memory();
    let api = Api::with_people(Some(&directory), AccessRules { rate_limits: limits, ..AccessRules::default() }).await;
    let (alice, bob) = (api.person("alice").await, api.person("bob").await);
    api.post_of(&alice, "/api/me/token", "{}").await.assert_ok(200);
    // Whatever the function, and though the token is another one.
    let again = api.sign_in(json!({ "sub": "alice", "jti": "2" })).await;
    let answer = Answer::of(api.of(&again, "DELETE", "/api/me")).await;
    let wait = answer.header("retry-after").to_owned();
    let detail =
        format!("You have called too often: 1 calls in 60 s are allowed. Nothing was done; try again in {wait} s.");
    answer.assert_problem(429, "rate-limited", "The caller calls too often", &detail, &[]);
    api.own_token(&bob).await;
    assert_eq!(api.upstream_calls().await, 2);
}

async fn with_cors(origins: &str) -> Api {
    let cors = Some(Cors { origins: origins.parse().unwrap(), credentials: false });
    api(AccessRules { cors, ..AccessRules::default() }).await
}

fn from_page(request: RequestBuilder, origin: &str) -> RequestBuilder {
    request.header("origin", origin)
}

#[tokio::test]
async fn a_preflight_is_answered_before_anybody_is_asked_for_a_key() {
    let api = with_cors("https://a.example,https://b.example").await;
    for (origin, allowed) in [
        ("https://a.example", "https://a.example"),
        ("https://b.example", "https://b.example"),
        ("https://c.example", ""),
    ] {
        let request = from_page(api.request("OPTIONS", "/api/identities"), origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,content-type");
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        let header = |name: &str| response.headers().get(name).map_or("", |value| value.to_str().unwrap());
        assert_eq!(header("access-control-allow-origin"), allowed);
        assert_eq!(header("access-control-allow-methods"), "GET,POST,DELETE");
        assert_eq!(header("access-control-allow-headers"), "authorization,content-type");
        assert_eq!(header("access-control-max-age"), "7200");
        assert_eq!(header("access-control-allow-credentials"), "");
        assert_eq!(header("vary"), "origin, access-control-request-method, access-control-request-headers");
    }
    assert_eq!(api.upstream_calls().await, 0);
}

#[tokio::test]
async fn a_page_can_read_refusals_too() {
    let api = with_cors("https://a.example").await;
    let exposed = "location,retry-after,www-authenticate,x-request-id";
    let answer = Answer::of(from_page(api.request("POST", "/api/identities"), "https://a.example")).await;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.header("access-control-allow-origin"), "https://a.example");
    assert_eq!(answer.header("access-control-expose-headers"), exposed);
    let answer = Answer::of(from_page(api.request("GET", "/api/health"), "https://evil.example")).await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, ""));
}

#[tokio::test]
async fn out_of_the_box_no_page_is_let_in() {
    let api = api(AccessRules::default()).await;
    let request = from_page(api.request("OPTIONS", "/api/identities"), "https://a.example");
    let answer = Answer::of(request.header("access-control-request-method", "POST")).await;
    assert_eq!((answer.status, answer.header("allow")), (405, "POST"));
    assert!(answer.headers.keys().all(|name| !name.as_str().starts_with("access-control")));
}
