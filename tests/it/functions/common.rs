//! What holds for every function: bodies, media types, methods, paths, and what becomes of ACS's errors.

use serde_json::json;

use crate::harness::{Answer, Api, FOREIGN_ID};

through_each_host! { refuses_bodies_that_are_no_json_object, refuses_other_media_types, tells_what_became_of_the_call }

const SEND: &str = "Send a JSON object, and with it its Content-Length; {} where nothing is to be said.";

async fn refuses_bodies_that_are_no_json_object(api: Api) {
    let tokens = format!("/api/identities/{FOREIGN_ID}/tokens");
    for path in ["/api/identities", &tokens, "/api/teams/tokens"] {
        for (body, detail) in [
            ("{", "The JSON ends too early: see line 1, column 1."),
            ("{\"a\":1,\n'b':2}", "The body is not JSON: see line 2, column 1."),
            ("[]", "The body is JSON, but not an object."),
            ("\"voip\"", "The body is JSON, but not an object."),
            ("{} {}", "The body is not JSON: see line 1, column 4."),
            (r#"{"a":1,"a":2}"#, "A field stands twice in the object: see line 1, column 13."),
        ] {
            api.post(path, body).await.assert_problem(400, "malformed-json", "The body is not JSON", detail, &[]);
        }
        api.post(path, "").await.assert_problem(400, "empty-body", "The request has no body", SEND, &[]);
        let bare = Answer::of(api.request("POST", path)).await;
        bare.assert_problem(400, "empty-body", "The request has no body", SEND, &[]);
        let large = api.post(path, &format!("{{\"a\":\"{}\"}}", "a".repeat(16 * 1024))).await;
        let detail = "The body is over 16 KiB. No request needs that much.";
        large.assert_problem(413, "body-too-large", "The body is too large", detail, &[]);
    }
    assert_eq!(api.upstream_calls().await, 0);
}

async fn refuses_other_media_types(api: Api) {
    let send = |content_type: &str, body: Vec<u8>| {
        Answer::of(api.request("POST", "/api/identities").header("content-type", content_type).body(body))
    };
    let title = "The body is not application/json";
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx"] {
        let answer = send(content_type, b"{}".to_vec()).await;
        let detail = "Send the body with Content-Type: application/json.";
        answer.assert_problem(415, "unsupported-media-type", title, detail, &[]);
    }
    // The first bytes of any gzip.
    let answer = send("application/json", vec![0x1f, 0x8b, 8, 0]).await;
    let detail = "The body is compressed. Send it as it is, without Content-Encoding.";
    answer.assert_problem(415, "unsupported-media-type", title, detail, &[]);
    assert_eq!(api.upstream_calls().await, 0);
    send("Application/JSON; charset=utf-8", b"{}".to_vec()).await.assert_ok(201);
}

async fn tells_what_became_of_the_call(api: Api) {
    let denied = r#"{"error":{"code":"Denied","message":"Denied by the resource provider."}}"#;
    let version = r#"{"error":{"code":"UnsupportedApiVersion","message":"Not that one."}}"#;
    let credential = "ACS refused this service's credential. The operator's log says more.";
    let unknown = "The answer of ACS did not arrive whole. What was asked may have been done or not.";
    let calls = "ACS does not take our calls";
    for (fault, status, code, title, detail) in [
        (json!({"answer": {"status": 401, "body": denied}}), 502, "misconfigured", calls, credential),
        (json!({"answer": {"status": 403}}), 502, "misconfigured", calls, credential),
        (
            json!({"answer": {"status": 400, "body": version}}),
            502,
            "misconfigured",
            calls,
            "ACS does not know the api-version that this service asks for.",
        ),
        (
            json!({"answer": {"status": 500}}),
            502,
            "upstream-failed",
            "ACS failed",
            "ACS answered 500. Try again later.",
        ),
        (
            json!({"answer": {"status": 503}}),
            502,
            "upstream-failed",
            "ACS failed",
            "ACS answered 503. Try again later.",
        ),
        (json!({"reset": true}), 502, "upstream-failed", "ACS failed", unknown),
        (json!({"cutAfterBytes": 5}), 502, "upstream-failed", "ACS failed", unknown),
        (json!({"answer": {"status": 201, "body": "<html>"}}), 502, "upstream-failed", "ACS failed", unknown),
        (
            json!({"answer": {"status": 302, "headers": {"location": "http://127.0.0.1:1/"}}}),
            502,
            "upstream-failed",
            "ACS failed",
            unknown,
        ),
    ] {
        api.control("POST", "faults", Some(fault)).await;
        api.post("/api/identities", "{}").await.assert_problem(status, code, title, detail, &[]);
    }
    // What asks for a longer wait than there is time is passed on at once; the rest after three tries.
    for (header, seconds) in
        [(json!({"retry-after": "60"}), "60"), (json!({}), "30"), (json!({"retry-after-ms": "60500"}), "61")]
    {
        api.control("POST", "faults", Some(json!({"times": 3, "answer": {"status": 429, "headers": header}}))).await;
        let answer = api.post("/api/identities", "{}").await;
        let detail = format!("The limits of ACS are reached. Try again in {seconds} s.");
        answer.assert_problem(429, "throttled", "Too many requests", &detail, &[]);
        assert_eq!(answer.header("retry-after"), seconds);
        api.control("DELETE", "faults", None).await;
    }
}

#[tokio::test]
async fn knows_no_other_path() {
    let api = Api::direct().await;
    let detail = "No function has this path. GET / lists them.";
    for path in ["/nothing", "/api", "/api/nothing", "/api/identities/a/b/c", "/identities", "/create-identity"] {
        let answer = api.post(path, "{}").await;
        answer.assert_problem(404, "not-found", "No such function", detail, &[]);
    }
}

#[tokio::test]
async fn names_the_methods_that_a_path_has() {
    let api = Api::direct().await;
    let tokens = format!("/api/identities/{FOREIGN_ID}/tokens");
    let identity = format!("/api/identities/{FOREIGN_ID}");
    for (method, path, allow) in [
        ("GET", "/api/identities", "POST"),
        ("PUT", &tokens, "POST,DELETE"),
        ("POST", &identity, "DELETE"),
        ("GET", "/api/teams/tokens", "POST"),
        ("GET", "/api/me", "DELETE"),
        ("DELETE", "/api/me/token", "POST"),
        ("POST", "/api/me/tokens", "DELETE"),
        ("PUT", "/api/me/teams-token", "POST"),
        ("POST", "/api/health", "GET,HEAD"),
    ] {
        let answer = Answer::of(api.request(method, path)).await;
        let detail = format!("The path is right, {method} is not. See the Allow header.");
        answer.assert_problem(405, "method-not-allowed", "Method not allowed", &detail, &[]);
        assert_eq!(answer.header("allow"), allow);
    }
}

#[tokio::test]
async fn lists_the_functions_at_the_root() {
    let api = Api::direct().await;
    let answer = Answer::of(api.request("GET", "/")).await;
    answer.assert_ok(200);
    let expected = concat!(
        "acs-tokens ",
        env!("CARGO_PKG_VERSION"),
        "\n\n",
        "POST    /api/identities               make an identity, with its first token if asked\n",
        "POST    /api/identities/{id}/tokens   issue or refresh a token\n",
        "DELETE  /api/identities/{id}/tokens   revoke all tokens of an identity\n",
        "DELETE  /api/identities/{id}          delete an identity with all its tokens\n",
        "POST    /api/teams/tokens             exchange a Teams user's Entra token\n",
        "POST    /api/me/token                 issue or refresh the signed-in person's token\n",
        "DELETE  /api/me/tokens                revoke all tokens of the signed-in person\n",
        "DELETE  /api/me                       delete the signed-in person's identity\n",
        "POST    /api/me/teams-token           exchange the signed-in person's Entra token for Teams\n",
        "GET     /api/health                   tell that the process is alive\n",
    );
    assert_eq!(answer.body, expected);
}

#[tokio::test]
async fn takes_over_a_request_id_that_is_one() {
    let api = Api::direct().await;
    let id = |name: &'static str, value: &'static str| {
        let request = api.request("GET", "/api/health").header(name, value);
        async move { Answer::of(request).await.header("x-request-id").to_owned() }
    };
    assert_eq!(id("x-request-id", "abc-123").await, "abc-123");
    assert_eq!(id("x-azure-functions-invocationid", "evil, 0f8fad5b-d9cb-469f").await, "0f8fad5b-d9cb-469f");
    assert_eq!(id("x-request-id", "{\"level\":\"ERROR\"}").await.len(), 36);
}
