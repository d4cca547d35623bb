//! Events that are no valid request are refused before anything is done.

use serde_json::{Value, json};

use super::{CALLER_KEYS, event, lambda};

/// An event for each form, its name, and the field that has the path.
const FORMS: [(&str, &str); 4] = [
    ("rest-create-identity", "path"),
    ("http-create-identity", "rawPath"),
    ("alb-create-identity", "path"),
    ("alb-multi-value-create-identity", "path"),
];

/// Returns an event of a form with another method.
fn with_method(form: &str, method: &str) -> Value {
    let mut event = event(form);
    match event["requestContext"].get_mut("http") {
        Some(http) => http["method"] = method.into(),
        None => event["httpMethod"] = method.into(),
    }
    event
}

#[tokio::test]
async fn decoded_delimiter_in_the_path_has_no_effect() {
    let mut lambda = lambda(&[CALLER_KEYS]).await;
    let created = lambda.invoke("1", &event("http-create-identity")).await.json();
    let path = format!("/api/identities/{}", created["identity"]["id"].as_str().unwrap());
    for (form, field) in FORMS {
        let mut delete = with_method(form, "DELETE");
        for delimiter in ["#", "?", "?x", "\\", "\0", "\n", "\u{7f}", "%23", "%3F", "%5c", "%0a"] {
            delete[field] = format!("{path}{delimiter}/tokens").into();
            let answer = lambda.invoke("1", &delete).await;
            assert_eq!(answer.status, 400, "{form} {delimiter:?}: {answer:?}");
            answer.assert_code(400, "invalid-url", &[]);
        }
    }
    let mut delete = event("http-delete-identity");
    delete["rawPath"] = path.into();
    lambda.invoke("1", &delete).await.assert_ok(204);
}

#[tokio::test]
async fn url_that_is_none_is_refused() {
    let mut lambda = lambda(&[CALLER_KEYS]).await;
    for (form, pointer, value) in [
        ("http-create-identity", "/rawPath", json!("api/identities")),
        ("http-create-identity", "/rawPath", json!("")),
        ("rest-create-identity", "/path", json!("https://evil.example/api/identities")),
        ("alb-create-identity", "/path", json!("*")),
        // A URL parser removes these segments.
        ("http-create-identity", "/rawPath", json!("/api/x/../identities")),
        ("rest-create-identity", "/path", json!("/api/./identities")),
        ("alb-create-identity", "/path", json!("/api/x/%2E%2e/identities")),
        ("rest-create-identity", "/path", json!("/a".repeat(20 * 1024))),
        ("alb-create-identity", "/queryStringParameters", json!({ "a": "!".repeat(20 * 1024) })),
        ("http-create-identity", "/rawQueryString", json!("a=b c")),
        ("http-create-identity", "/rawQueryString", json!("a#b")),
        ("url-create-identity", "/rawQueryString", json!("a\n")),
        ("alb-create-identity", "/queryStringParameters", json!({ "a b": "c" })),
        ("alb-multi-value-create-identity", "/multiValueQueryStringParameters", json!({ "a": ["b", "c#d"] })),
        ("http-create-identity", "/headers/host", json!("[")),
        ("rest-create-identity", "/multiValueHeaders/Host", json!(["["])),
        ("rest-create-identity", "/multiValueHeaders/Host", json!(["a.example", "b.example"])),
        ("alb-create-identity", "/headers/host", json!("a b")),
    ] {
        let mut event = event(form);
        *event.pointer_mut(pointer).unwrap() = value.clone();
        let answer = lambda.invoke("1", &event).await;
        assert_eq!(answer.status, 400, "{form}{pointer} {value}: {answer:?}");
        answer.assert_code(400, "invalid-url", &[]);
    }
    let log = lambda.log().await;
    assert_eq!(log.matches(r#""message":"refused request""#).count(), 18, "{log}");
}

/// With `ready`, health answers otherwise.
#[tokio::test]
async fn query_of_every_form_arrives() {
    let mut lambda = lambda(&[CALLER_KEYS]).await;
    for (form, field, query) in [
        ("rest-create-identity", "multiValueQueryStringParameters", json!({ "a": ["b c", "d"], "ready": [""] })),
        ("http-create-identity", "rawQueryString", json!("a=b%20c&a=d&ready")),
        ("alb-create-identity", "queryStringParameters", json!({ "a": "b%20c", "ready": "" })),
        ("alb-multi-value-create-identity", "multiValueQueryStringParameters", json!({ "ready": ["1", "2"] })),
    ] {
        let mut health = with_method(form, "GET");
        let path = if form.starts_with("http") { "rawPath" } else { "path" };
        health[path] = "/api/health".into();
        assert_eq!(lambda.invoke("1", &health).await.json(), json!({ "status": "alive" }), "{form}");
        health[field] = query;
        assert_eq!(lambda.invoke("1", &health).await.json(), json!({ "status": "ready" }), "{form}");
    }
}

/// API Gateway decodes the query of these forms, so that any text is valid.
#[tokio::test]
async fn decoded_query_is_encoded_again() {
    let mut lambda = lambda(&[CALLER_KEYS]).await;
    let mut health = with_method("rest-create-identity", "GET");
    health["path"] = "/api/health".into();
    health["multiValueQueryStringParameters"] = json!({ "a b#?&=": ["c d", "%", "\n"], "empty": [] });
    lambda.invoke("1", &health).await.assert_ok(200);
}

#[tokio::test]
async fn request_that_http_does_not_allow_is_refused() {
    let mut lambda = lambda(&[CALLER_KEYS]).await;
    for (form, pointer, value) in [
        // A body that is not encoded, or not as announced.
        ("http-create-identity", "/isBase64Encoded", json!(true)),
        ("rest-create-identity", "/isBase64Encoded", json!(true)),
        ("alb-create-identity", "/isBase64Encoded", json!(true)),
        ("url-create-identity-base64", "/body", json!("e30")),
        ("url-create-identity", "/isBase64Encoded", json!("no")),
        ("rest-create-identity", "/body", json!({})),
        ("http-create-identity", "/headers/content-type", json!("application/json\n")),
        ("http-create-identity", "/headers/content-type", json!("application/\u{7f}json")),
        ("http-create-identity", "/headers/content-type", json!(7)),
        ("rest-create-identity", "/multiValueHeaders", json!({ "a b": ["c"] })),
        ("rest-create-identity", "/multiValueHeaders", json!({ "a": [null] })),
        ("http-create-identity", "/headers", (0..=1000).map(|n| (format!("a{n}"), json!(""))).collect()),
        // These would be in a URL that is parsed.
        ("http-create-identity", "/headers/x-forwarded-proto", json!("[")),
        ("http-create-identity", "/requestContext/stage", json!("#[")),
    ] {
        let mut event = event(form);
        *event.pointer_mut(pointer).unwrap() = value.clone();
        let answer = lambda.invoke("1", &event).await;
        let is_valid = value == json!("application/json\n") || value == json!("[") || value == json!("#[");
        let expected = if is_valid { 201 } else { 400 };
        assert_eq!(answer.status, expected, "{form}{pointer} {value}: {answer:?}");
        if expected == 400 {
            answer.assert_code(400, "invalid-event", &[]);
        }
    }
}

#[tokio::test]
async fn texts_of_refusals_name_the_field() {
    let mut lambda = lambda(&[CALLER_KEYS]).await;
    for (pointer, value, detail) in [
        (
            "/rawPath",
            json!("x"),
            "The path must begin with a slash and have no `.` or `..` segment, and the query must be percent-encoded. They may \
             have 20 KiB.",
        ),
        (
            "/headers/host",
            json!("\n\u{0}"),
            "A header of the event has a name or a value that is not valid in HTTP, or there are more than 1,000.",
        ),
        (
            "/isBase64Encoded",
            json!(true),
            "The body of the event must be text. If isBase64Encoded is true, it must be base64 with padding.",
        ),
    ] {
        let mut event = event("http-create-identity");
        *event.pointer_mut(pointer).unwrap() = value;
        assert_eq!(lambda.invoke("1", &event).await.problem()["detail"], detail);
    }
}

#[tokio::test]
async fn duplicate_credentials_are_refused_where_the_event_shows_them() {
    let issuer = [("OIDC_ISSUERS", "http://127.0.0.1:9/issuer"), ("OIDC_AUDIENCES", "app")];
    let mut lambda = lambda(&[&[CALLER_KEYS][..], &issuer].concat()).await;
    let ambiguous = (400, "ambiguous-authorization");
    let unauthorized = (401, "unauthorized");
    for (form, headers, (status, code)) in [
        ("rest-create-identity", json!({ "Authorization": ["Bearer a.b.c", "Bearer d.e.f"] }), ambiguous),
        (
            "rest-create-identity",
            json!({ "Authorization": ["Bearer a.b.c"], "authorization": ["Bearer a.b.c"] }),
            ambiguous,
        ),
        ("alb-multi-value-create-identity", json!({ "authorization": ["Bearer a.b.c", "Bearer a.b.c"] }), ambiguous),
        ("http-create-identity", json!({ "authorization": "Bearer a.b.c,Bearer d.e.f" }), ambiguous),
        ("http-create-identity", json!({ "authorization": "bearer a.b.c, Basic eDp5" }), ambiguous),
        ("url-create-identity", json!({ "authorization": "Bearer a.b.c,Bearer d.e.f" }), ambiguous),
        ("http-create-identity", json!({ "authorization": "Basic eDp5,Bearer a.b.c" }), unauthorized),
        ("rest-create-identity", json!({ "x-functions-key": ["a-wrong-key", "key-of-the-test-events"] }), unauthorized),
        (
            "alb-multi-value-create-identity",
            json!({ "x-functions-key": ["key-of-the-test-events", "key-of-the-test-events"] }),
            unauthorized,
        ),
        ("http-create-identity", json!({ "x-functions-key": "a-wrong-key,key-of-the-test-events" }), unauthorized),
        ("url-create-identity", json!({ "x-functions-key": "key-of-the-test-events,a-wrong-key" }), unauthorized),
    ] {
        let mut event = event(form);
        let name = if event["multiValueHeaders"].is_object() { "multiValueHeaders" } else { "headers" };
        event[name] = headers.clone();
        // API Gateway puts the last value there, too.
        event["requestContext"]["stage"] = "$default".into();
        let answer = lambda.invoke("1", &event).await;
        assert_eq!(answer.status, status, "{form} {headers}: {answer:?}");
        answer.assert_code(status, code, &[]);
    }
}

/// A signature of AWS has commas. It is no credential of this service, and is ignored beside a key.
#[tokio::test]
async fn signature_of_aws_is_one_header() {
    let mut lambda = lambda(&[CALLER_KEYS]).await;
    let mut event = event("url-create-identity");
    event["headers"]["authorization"] = "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=c".into();
    lambda.invoke("1", &event).await.assert_ok(201);
}
