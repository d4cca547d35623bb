//! Access rules of the whole app: the policy, rate limits, and CORS.

mod policy;

use acs_tokens::{
    access::{
        AccessRules,
        rate_limits::{RateLimits, Rates},
    },
    auth::{BackendAuth, CallerKey},
    directory::DirectorySettings,
    http::{Api as ServiceApi, allowed_origins::Cors},
};
use reqwest::RequestBuilder;
use serde_json::json;

use crate::harness::{Answer, Api, assert_token, users::claim};

const POLICY: &str = r#"{"keys":{"web":{"scopes":["chat.join","voip"],"maxMinutes":90}}}"#;

fn key_of(name: &str) -> String {
    format!("the key of {name}")
}

/// Serves the app for the back ends `web` and `bot`.
async fn api(rules: AccessRules) -> Api {
    api_with_cors(rules, None).await
}

async fn api_with_cors(access: AccessRules, cors: Option<Cors>) -> Api {
    let keys = ["web", "bot"].map(|name| CallerKey { name: name.to_owned(), key: key_of(name).into() });
    let authenticator = BackendAuth::Keys(keys.into()).into();
    Api::with_parts(|_| (), |parts| ServiceApi { authenticator, access, cors, ..parts }).await
}

/// Does the same with the policy, and returns the path of the tokens of a new identity too.
async fn api_with_policy() -> (Api, String) {
    let api = api(AccessRules { policy: POLICY.parse().unwrap(), ..AccessRules::default() }).await;
    let created = post(&api, "bot", "/api/identities", "{}").await.json();
    (api, format!("/api/identities/{}/tokens", created["identity"]["id"].as_str().unwrap()))
}

async fn post(api: &Api, name: &str, path: &str, body: &str) -> Answer {
    let request = api.request("POST", path).header("content-type", "application/json").body(body.to_owned());
    Answer::of(request.header("x-functions-key", key_of(name))).await
}

#[tokio::test]
async fn key_with_a_grant_gets_what_the_grant_allows() {
    let (api, tokens) = api_with_policy().await;
    for (body, minutes, scopes) in [
        ("{}", 90, "voip,chat.join"),
        (r#"{"expiresInMinutes":60}"#, 60, "voip,chat.join"),
        (r#"{"scopes":["chat.join"]}"#, 90, "chat.join"),
        (r#"{"scopes":["voip.join","chat.join.limited"],"expiresInMinutes":90}"#, 90, "voip.join,chat.join.limited"),
    ] {
        let answer = post(&api, "web", &tokens, body).await;
        answer.assert_ok(200);
        assert_eq!(claim(&assert_token(&answer.json(), minutes), "acsScope"), scopes, "{body}");
    }
    let answer = post(&api, "web", "/api/identities", r#"{"createTokenWithScopes":["voip"]}"#).await;
    assert_token(&answer.json()["accessToken"], 90);
    // create-identity without the field issues no token.
    assert!(post(&api, "web", "/api/identities", "{}").await.json().get("accessToken").is_none());
    let calls = api.upstream_calls().await;
    for (path, body, pointers) in [
        (&*tokens, r#"{"scopes":["voip","chat"]}"#, &["/scopes/1"][..]),
        (&tokens, r#"{"scopes":["chat"],"expiresInMinutes":1440}"#, &["/scopes/0", "/expiresInMinutes"]),
        ("/api/identities", r#"{"createTokenWithScopes":["voip","chat"]}"#, &["/createTokenWithScopes/1"]),
        ("/api/identities", r#"{"createTokenWithScopes":["voip"],"expiresInMinutes":91}"#, &["/expiresInMinutes"]),
    ] {
        post(&api, "web", path, body).await.assert_code(403, "beyond-policy", pointers);
    }
    // Roles in the body do not count.
    let answer = post(&api, "web", &tokens, r#"{"scopes":["chat"],"roles":["host"]}"#).await;
    answer.assert_code(400, "invalid-fields", &["/roles"]);
    assert_eq!(api.upstream_calls().await, calls);
}

#[tokio::test]
async fn key_without_a_grant_has_no_limit_but_must_name_scopes() {
    let (api, tokens) = api_with_policy().await;
    let answer = post(&api, "bot", &tokens, r#"{"scopes":["chat","voip"]}"#).await;
    assert_eq!(claim(&assert_token(&answer.json(), 1440), "acsScope"), "chat,voip");
    post(&api, "bot", &tokens, "{}").await.assert_code(400, "invalid-fields", &["/scopes"]);
}

#[tokio::test]
async fn each_key_has_its_own_rate_limit() {
    // At 2 per minute, no request becomes available again during the test.
    let rate_limits = RateLimits::new(Rates { users: None, keys: 2.try_into().ok(), ..Rates::default() });
    let api = api(AccessRules { rate_limits, ..AccessRules::default() }).await;
    for _ in 0..2 {
        post(&api, "web", "/api/identities", "{}").await.assert_ok(201);
    }
    let answer = post(&api, "web", "/api/teams/tokens", "{}").await;
    let wait: u64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=30).contains(&wait), "{wait}");
    let detail =
        format!("The limit of 2 requests per minute is reached. The request was not processed; try again in {wait} s.");
    answer.assert_code(429, "rate-limited", &[]);
    assert_eq!(answer.problem()["detail"], detail);
    post(&api, "bot", "/api/identities", "{}").await.assert_ok(201);
    assert_eq!(Answer::of(api.request("GET", "/api/health")).await.status, 200);
    assert_eq!(post(&api, "eve", "/api/identities", "{}").await.status, 401);
    assert_eq!(api.upstream_calls().await, 3);
}

#[tokio::test]
async fn each_user_has_one_rate_limit_for_all_functions_and_tokens() {
    let rate_limits = RateLimits::new(Rates { users: 1.try_into().ok(), ..Rates::default() });
    let rules = AccessRules { rate_limits, ..AccessRules::default() };
    let api = Api::with_users(Some(&DirectorySettings::in_memory()), rules).await;
    let (alice, bob) = (api.sign_in_as("alice").await, api.sign_in_as("bob").await);
    api.post_of(&alice, "/api/me/token", "{}").await.assert_ok(200);
    let again = api.sign_in(json!({ "sub": "alice", "jti": "2" })).await;
    Answer::of(api.of(&again, "DELETE", "/api/me")).await.assert_code(429, "rate-limited", &[]);
    api.own_token(&bob).await;
    assert_eq!(api.upstream_calls().await, 2);
}

async fn with_cors(origins: &str) -> Api {
    let cors = Some(Cors { origins: origins.parse().unwrap(), credentials: false });
    api_with_cors(AccessRules::default(), cors).await
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
        let headers = "authorization,content-type,x-request-id,traceparent,tracestate,baggage,request-id,\
                       request-context,x-ms-client-request-id,x-ms-useragent";
        assert_eq!(header("access-control-allow-headers"), headers);
        assert_eq!(header("x-content-type-options"), "nosniff");
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
