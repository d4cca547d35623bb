//! What is refused, with exact status and body: first what is recorded, then what the emulator chose.

use serde_json::{Value, json};

use super::{Answer, Bench, STABLE};

const FOREIGN: &str = "8:acs:00000000-0000-0000-0000-000000000000_00000000-0000-0000-0000-000000000000";
const NOT_OWNED: &str =
    r#"{"error":{"code":"IdentityNotOwned","message":"Provided identity doesn't belong to the resource."}}"#;

/// Every error is JSON without a charset, and chunked.
fn assert_refused(answer: &Answer, status: u16, body: &str) {
    assert_eq!((answer.status, answer.body.as_str()), (status, body));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("transfer-encoding"), Some("chunked"));
    assert_eq!(answer.header("content-length"), None);
    assert!(answer.header("ms-cv").is_some());
}

#[tokio::test]
async fn recorded_a_lifetime_outside_an_hour_and_a_day() {
    let bench = Bench::start().await;
    let id = bench.identity().await;
    for minutes in [59, 1441] {
        let expected = format!(
            r#"{{"error":{{"code":"ValidationError","message":"ExpiresInMinutes value {minutes} is invalid. Value must be within the [60, 1440] interval.","target":"ExpiresInMinutes"}}}}"#
        );
        let body = format!(r#"{{"createTokenWithScopes":["chat"],"expiresInMinutes":{minutes}}}"#);
        assert_refused(&bench.ask("POST", &format!("/identities?{STABLE}"), &body).await, 400, &expected);
        let body = format!(r#"{{"scopes":["chat"],"expiresInMinutes":{minutes}}}"#);
        let target = format!("/identities/{id}/:issueAccessToken?{STABLE}");
        assert_refused(&bench.ask("POST", &target, &body).await, 400, &expected);
    }
}

#[tokio::test]
async fn recorded_missing_and_empty_scopes() {
    let bench = Bench::start().await;
    let target = format!("/identities/{}/:issueAccessToken?{STABLE}", bench.identity().await);
    let missing =
        r#"{"error":{"code":"ValidationError","message":"Scopes: The Scopes field is required.","target":"Scopes"}}"#;
    let answer = bench.ask("POST", &target, "{}").await;
    assert_refused(&answer, 400, missing);
    assert_eq!(answer.header("api-supported-versions"), None, "the model binder answers before the versions are named");
    let empty = r#"{"error":{"code":"ValidationError","message":"Invalid scopes - Scopes field is required.","target":"scopes"}}"#;
    let answer = bench.ask("POST", &target, r#"{"scopes":[]}"#).await;
    assert_refused(&answer, 400, empty);
    assert!(answer.header("api-supported-versions").is_some());
}

#[tokio::test]
async fn recorded_an_identity_of_another_resource() {
    let bench = Bench::start().await;
    for (method, target, body) in [
        ("POST", format!("/identities/{FOREIGN}/:issueAccessToken?{STABLE}"), r#"{"scopes":["chat"]}"#),
        ("POST", format!("/identities/{FOREIGN}/:revokeAccessTokens?{STABLE}"), ""),
        ("DELETE", format!("/identities/{FOREIGN}?{STABLE}"), ""),
    ] {
        let answer = bench.ask(method, &target, body).await;
        assert_refused(&answer, 401, NOT_OWNED);
        assert!(answer.header("api-supported-versions").is_some());
    }
}

#[tokio::test]
async fn chosen_an_identity_that_is_gone_or_never_was() {
    let bench = Bench::start().await;
    let id = bench.identity().await;
    let target = format!("/identities/{id}?{STABLE}");
    bench.ask("DELETE", &target, "").await;
    let never = format!("/identities/8:acs:acacacac-acac-4aca-8aca-acacacacacac_{}?{STABLE}", uuid::Uuid::new_v4());
    for target in [&target, &never, &format!("/identities/nonsense?{STABLE}")] {
        assert_refused(&bench.ask("DELETE", target, "").await, 401, NOT_OWNED);
    }

    // The service's answer is not recorded, so a test can ask for the other likely one.
    assert_eq!(bench.control("PUT", "settings", &json!({"gone": "IdentityNotFound"})).await.status, 204);
    let not_found = r#"{"error":{"code":"IdentityNotFound","message":"Provided identity doesn't exist."}}"#;
    for target in [&target, &never] {
        assert_refused(&bench.ask("DELETE", target, "").await, 404, not_found);
    }
    assert_refused(&bench.ask("DELETE", &format!("/identities/{FOREIGN}?{STABLE}"), "").await, 401, NOT_OWNED);
}

#[tokio::test]
async fn chosen_an_unknown_scope() {
    let bench = Bench::start().await;
    let expected =
        r#"{"error":{"code":"ValidationError","message":"Invalid scopes - pstn is not supported.","target":"scopes"}}"#;
    let body = r#"{"createTokenWithScopes":["chat","pstn"]}"#;
    assert_refused(&bench.ask("POST", &format!("/identities?{STABLE}"), body).await, 400, expected);
    assert_eq!(bench.control("GET", "state", &Value::Null).await.json()["identities"], json!([]), "nothing was made");
}

#[tokio::test]
async fn chosen_bodies_that_cannot_be_read() {
    let bench = Bench::start().await;
    let issue = format!("/identities/{}/:issueAccessToken?{STABLE}", bench.identity().await);
    let create = format!("/identities?{STABLE}");
    for (target, body, what) in [
        (&issue, "", "it is empty"),
        (&create, "{", "EOF while parsing an object at line 1 column 1"),
        (&create, "[1]", "invalid type: integer `1`, expected a sequence at line 1 column 2"),
        (&create, r#"{"expiresInMinutes":"60"}"#, r#"invalid type: string \"60\", expected i32 at line 1 column 24"#),
    ] {
        let expected =
            format!(r#"{{"error":{{"code":"ValidationError","message":"The request body is not valid: {what}."}}}}"#);
        assert_refused(&bench.ask("POST", target, body).await, 400, &expected);
    }
    let mut call = bench.call("POST", &create, "{}");
    call.set("Content-Type", "text/plain");
    let expected =
        r#"{"error":{"code":"UnsupportedMediaType","message":"The request body must be application/json."}}"#;
    assert_refused(&bench.send(&call).await, 415, expected);
    let long = format!("{{\"padding\":\"{}\"}}", "x".repeat(1024 * 1024));
    let expected = r#"{"error":{"code":"RequestBodyTooLarge","message":"The request body is too large."}}"#;
    assert_refused(&bench.ask("POST", &create, &long).await, 413, expected);
}

#[tokio::test]
async fn chosen_unknown_paths_and_methods_have_no_body() {
    let bench = Bench::start().await;
    for (method, target, status, allow) in [
        ("POST", "/identities/", 404, None),
        ("POST", "/identities/8:acs:a_b/issueAccessToken", 404, None),
        ("POST", "/access/teamsExtension/:exchangeAccessToken", 404, None),
        ("GET", "/identities", 405, Some("POST")),
        ("PUT", "/identities/8:acs:a_b", 405, Some("DELETE")),
        ("DELETE", "/identities/8:acs:a_b/:revokeAccessTokens", 405, Some("POST")),
    ] {
        let answer = bench.ask(method, &format!("{target}?{STABLE}"), "").await;
        assert_eq!(
            (answer.status, answer.body.as_str(), answer.header("allow")),
            (status, "", allow),
            "{method} {target}"
        );
    }
}

#[tokio::test]
async fn chosen_the_root_greets_and_is_no_call() {
    let bench = Bench::start().await;
    bench.control("POST", "faults", &serde_json::json!({ "answer": { "status": 500 } })).await;
    assert_eq!(bench.ask("GET", "/", "").await.status, 200);
    assert_eq!(bench.control("GET", "calls", &Value::Null).await.body, "{}");
}
