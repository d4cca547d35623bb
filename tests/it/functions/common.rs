//! The common behaviour of all functions: bodies, media types, methods, paths, and errors of ACS.

use acs_tokens::auth::{BackendAuth, CallerKey};
use serde_json::json;

use crate::harness::{Answer, Api, FOREIGN_ID};

through_each_host! {
    body_must_be_a_json_object, body_must_be_application_json, errors_of_acs_have_a_code,
}

async fn body_must_be_a_json_object(api: Api) {
    let tokens = format!("/api/identities/{FOREIGN_ID}/tokens");
    for path in ["/api/identities", &tokens, "/api/teams/tokens"] {
        for body in ["{", "{\"a\":1,\n'b':2}", "[]", "\"voip\"", "{} {}", r#"{"a":1,"a":2}"#] {
            api.post(path, body).await.assert_code(400, "malformed-json", &[]);
        }
        api.post(path, "").await.assert_code(400, "empty-body", &[]);
        Answer::of(api.request("POST", path)).await.assert_code(400, "empty-body", &[]);
        let large = format!("{{\"a\":\"{}\"}}", "a".repeat(16 * 1024));
        api.post(path, &large).await.assert_code(413, "body-too-large", &[]);
    }
    assert_eq!(api.upstream_calls().await, 0);
}

async fn body_must_be_application_json(api: Api) {
    let send = |content_type: &str, body: &[u8]| {
        let request = api.request("POST", "/api/identities").header("content-type", content_type);
        Answer::of(request.body(body.to_vec()))
    };
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx"] {
        send(content_type, b"{}").await.assert_code(415, "unsupported-media-type", &[]);
    }
    let gzip = [0x1f, 0x8b, 8, 0];
    send("application/json", &gzip).await.assert_code(415, "unsupported-media-type", &[]);
    assert_eq!(api.upstream_calls().await, 0);
    send("Application/JSON; charset=utf-8", b"{}").await.assert_ok(201);
}

async fn errors_of_acs_have_a_code(api: Api) {
    let denied = r#"{"error":{"code":"Denied","message":"Denied by the resource provider."}}"#;
    let version = r#"{"error":{"code":"UnsupportedApiVersion","message":"Not that one."}}"#;
    for (fault, code) in [
        (json!({"answer": {"status": 401, "body": denied}}), "misconfigured"),
        (json!({"answer": {"status": 403}}), "upstream-failed"),
        (json!({"answer": {"status": 400, "body": version}}), "misconfigured"),
        (json!({"answer": {"status": 500}}), "upstream-failed"),
        (json!({"reset": true}), "upstream-failed"),
        (json!({"cutAfterBytes": 5}), "upstream-failed"),
        (json!({"answer": {"status": 201, "body": "<html>"}}), "upstream-failed"),
        (json!({"answer": {"status": 302, "headers": {"location": "http://127.0.0.1:1/"}}}), "upstream-failed"),
    ] {
        api.control("POST", "faults", Some(fault)).await;
        api.post("/api/identities", "{}").await.assert_code(502, code, &[]);
    }
    for (header, seconds) in
        [(json!({"retry-after": "60"}), "60"), (json!({}), "30"), (json!({"retry-after-ms": "60500"}), "61")]
    {
        api.control("POST", "faults", Some(json!({"times": 3, "answer": {"status": 429, "headers": header}}))).await;
        let answer = api.post("/api/identities", "{}").await;
        answer.assert_code(429, "throttled", &[]);
        assert_eq!(answer.header("retry-after"), seconds);
        api.control("DELETE", "faults", None).await;
    }
}

#[tokio::test]
async fn unknown_path_is_not_found() {
    let api = Api::direct().await;
    for path in ["/nothing", "/api", "/api/nothing", "/api/identities/a/b/c", "/identities", "/create-identity"] {
        api.post(path, "{}").await.assert_code(404, "not-found", &[]);
    }
}

#[tokio::test]
async fn unsupported_method_lists_the_supported_ones() {
    let api = Api::direct().await;
    let tokens = format!("/api/identities/{FOREIGN_ID}/tokens");
    let identity = format!("/api/identities/{FOREIGN_ID}");
    for (method, path, allow) in [
        ("GET", "/api/identities", "POST"),
        ("PUT", &tokens, "POST,DELETE"),
        ("POST", &identity, "DELETE"),
        ("GET", "/api/teams/tokens", "POST"),
        ("GET", "/api/teams-phone/tokens", "POST"),
        ("GET", "/api/me/teams-phone-token", "POST"),
        ("DELETE", "/api/users/block", "POST"),
        ("GET", "/api/users/unblock", "POST"),
        ("GET", "/api/me", "DELETE"),
        ("DELETE", "/api/me/token", "POST"),
        ("POST", "/api/me/tokens", "DELETE"),
        ("PUT", "/api/me/teams-token", "POST"),
        ("POST", "/api/health", "GET,HEAD"),
        ("POST", "/api/openapi.json", "GET,HEAD"),
        ("POST", "/api/docs", "GET,HEAD"),
    ] {
        let answer = Answer::of(api.request(method, path)).await;
        answer.assert_code(405, "method-not-allowed", &[]);
        assert_eq!(answer.header("allow"), allow);
    }
}

#[tokio::test]
async fn root_lists_the_functions() {
    let api = Api::direct().await;
    let answer = Answer::of(api.request("GET", "/")).await;
    answer.assert_ok(200);
    let expected = concat!(
        "acs-tokens ",
        env!("CARGO_PKG_VERSION"),
        "\n\n",
        "POST    /api/identities               create an identity, optionally with a token\n",
        "POST    /api/identities/{id}/tokens   issue or refresh a token\n",
        "DELETE  /api/identities/{id}/tokens   revoke all tokens of an identity\n",
        "DELETE  /api/identities/{id}          delete an identity and its tokens\n",
        "POST    /api/teams/tokens             exchange a Teams user's Entra token\n",
        "POST    /api/teams-phone/tokens       exchange an Entra token for Teams Phone\n",
        "POST    /api/guests                   create a pass for an invitation link\n",
        "POST    /api/guests/token             issue or refresh a guest's token\n",
        "DELETE  /api/guests/{passId}          end a pass and delete its guests' identities\n",
        "POST    /api/users/block              refuse a signed-in user and revoke the tokens\n",
        "POST    /api/users/unblock            accept a blocked user again\n",
        "POST    /api/me/token                 issue or refresh the user's token\n",
        "DELETE  /api/me/tokens                revoke all tokens of the user\n",
        "DELETE  /api/me                       delete the user's identity\n",
        "POST    /api/me/teams-token           exchange the user's own Entra token for Teams\n",
        "POST    /api/me/teams-phone-token     exchange the user's own Entra token for Teams Phone\n",
        "GET     /api/health                   tell whether the process is alive, or ready\n",
        "GET     /api/openapi.json             describe this API as OpenAPI 3.1\n",
        "GET     /api/docs                     show these functions as a page\n",
    );
    assert_eq!(answer.body, expected);
}

#[tokio::test]
async fn key_is_required_without_a_functions_host() {
    let key = |name: &str, key: &str| CallerKey { name: name.to_owned(), key: key.to_owned().into() };
    let keys = vec![key("web", "a key of the web app"), key("bot", "a key of the bot's")];
    let api = Api::with_callers(&BackendAuth::Keys(keys).into()).await;
    let create_at = |path| api.request("POST", path).header("content-type", "application/json").body("{}");
    let create = || create_at("/api/identities");
    for request in [
        create(),
        create().header("x-functions-key", "a key of the bot's").header("x-functions-key", "x"),
        create_at("/api/identities?code=a%20key%20of%20the%20bot's"),
        create().header("x-functions-key", "a key of the bot"),
        create().header("x-functions-key", ""),
    ] {
        let answer = Answer::of(request).await;
        answer.assert_code(401, "unauthorized", &[]);
        assert_eq!(answer.header("www-authenticate"), "FunctionsKey header=\"x-functions-key\"");
    }
    assert_eq!(api.upstream_calls().await, 0);
    for valid in ["a key of the web app", "a key of the bot's"] {
        Answer::of(create().header("x-functions-key", valid)).await.assert_ok(201);
    }
    Answer::of(api.request("GET", "/api/health")).await.assert_ok(200);
}

#[tokio::test]
async fn valid_request_id_is_kept() {
    let api = Api::direct().await;
    let id = |name: &'static str, value: &'static str| {
        let request = api.request("GET", "/api/health").header(name, value);
        async move { Answer::of(request).await.header("x-request-id").to_owned() }
    };
    assert_eq!(id("x-request-id", "abc-123").await, "abc-123");
    assert_eq!(id("x-azure-functions-invocationid", "client-id, 0f8fad5b-d9cb-469f").await, "0f8fad5b-d9cb-469f");
    assert_eq!(id("x-request-id", "{\"level\":\"ERROR\"}").await.len(), 36);
}
