//! Every way a request can end has one line.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use super::{Service, assert_fields, short_hash};
use crate::harness::{Answer, FOREIGN_ID};

#[tokio::test]
async fn refused_requests_have_a_line() {
    let mut service = Service::handler(&[]).await;
    for (method, path, body, code, function) in [
        ("POST", "/api/identities", json!([]), "malformed-json", json!("create-identity")),
        ("POST", "/api/me/token", json!({}), "unauthorized", json!("my-token")),
        ("PUT", "/api/identities", json!({}), "method-not-allowed", Value::Null),
        ("GET", "/nothing", Value::Null, "not-found", Value::Null),
    ] {
        let answer = Answer::of(service.request(method, path, &body)).await;
        let line = service.line().await;
        let expected = json!({
            "code": code, "function": function, "level": "INFO", "message": "refused request", "method": method,
            "outcome": code, "remedy": null, "status": answer.status, "tries": null,
        });
        assert_fields(&line, &expected);
    }
    // Anonymous functions have no action.
    service.request("GET", "/api/health", &Value::Null).send().await.unwrap();
    let expected = json!({ "function": "health", "message": "answered request", "action": null, "caller": null });
    assert_fields(&service.line().await, &expected);
}

#[tokio::test]
async fn refused_preflight_has_a_line_with_the_origin() {
    let mut service = Service::server(|_| {
        let origins = "https://a.example,https://b.example".to_owned();
        vec![("ALLOW_ANONYMOUS", "true".to_owned()), ("CORS_ALLOWED_ORIGINS", origins)]
    })
    .await;
    let long = "x-".repeat(200);
    let origin = "the origin is not in CORS_ALLOWED_ORIGINS";
    for (from, method, headers, cause) in [
        ("https://a.example", "POST", "authorization,Content-Type,request-id,traceparent", None),
        ("https://b.example", "HEAD", "", None),
        ("https://c.example", "POST", "", Some(origin.to_owned())),
        ("https://a.example/", "POST", "", Some(origin.to_owned())),
        ("null", "POST", "", Some(origin.to_owned())),
        ("https://a.example", "PUT", "", Some("pages may not use the method PUT".to_owned())),
        (
            "https://a.example",
            "POST",
            "authorization,x-functions-key",
            Some("pages may not send the header x-functions-key".to_owned()),
        ),
        ("https://a.example", "POST", &long, Some(format!("pages may not send the header {}", &long[..200]))),
    ] {
        let request = service.request("OPTIONS", "/api/me/token", &Value::Null).header("origin", from);
        let request = request.header("access-control-request-method", method);
        let answer = request.header("access-control-request-headers", headers).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let Some(cause) = cause else { continue };
        let lines = service.running.until(|line| line.contains("refused preflight")).await;
        // An allowed one has no line.
        let [line] = &lines[..] else { panic!("{lines:#?}") };
        let line: Value = serde_json::from_str(line).unwrap();
        let target = "acs_tokens::http::cors";
        assert_fields(&line, &json!({ "level": "INFO", "origin": from, "cause": cause, "target": target }));
    }
}

/// Returns an ACS that accepts connections and never answers.
async fn silent_acs() -> (TcpListener, String) {
    let acs = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let connection_string = format!("endpoint=http://{}/;accesskey=cHc=", acs.local_addr().unwrap());
    (acs, connection_string)
}

/// Opens a connection and sends a request with the body `{}`.
async fn send(service: &Service, method: &str, path: &str) -> TcpStream {
    let mut caller = TcpStream::connect(service.base.strip_prefix("http://").unwrap()).await.unwrap();
    let head = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2");
    caller.write_all(format!("{head}\r\n\r\n{{}}").as_bytes()).await.unwrap();
    caller
}

#[tokio::test]
async fn disconnected_caller_cancels_the_request() {
    let (acs, connection_string) = silent_acs().await;
    let mut service = Service::handler_for(String::new(), &connection_string, &[]).await;
    let caller = send(&service, "DELETE", &format!("/api/identities/{FOREIGN_ID}")).await;
    let mut method = [0];
    let mut upstream = loop {
        let (mut upstream, _) = acs.accept().await.unwrap();
        // The client warms up with a HEAD request.
        if upstream.read_exact(&mut method).await.is_ok() && method != *b"H" {
            break upstream;
        }
    };
    drop(caller);
    let line = service.line().await;
    let expected = json!({
        "action": "delete-identity", "caller": "host", "function": "delete-identity", "identity": short_hash(FOREIGN_ID),
        "level": "INFO", "message": "cancelled request", "outcome": "cancelled", "status": null, "code": null,
    });
    assert_fields(&line, &expected);
    // The call to ACS is cancelled, too: its connection is closed or reset.
    let mut bytes = [0; 4096];
    let closed = async { while upstream.read(&mut bytes).await.unwrap_or(0) > 0 {} };
    tokio::time::timeout(Duration::from_secs(30), closed).await.unwrap();
}

#[tokio::test]
async fn caller_that_disconnects_within_the_body_has_a_line() {
    let mut service = Service::handler(&[]).await;
    let mut caller = TcpStream::connect(service.base.strip_prefix("http://").unwrap()).await.unwrap();
    let head = "POST /api/identities HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 20";
    caller.write_all(format!("{head}\r\n\r\n{{").as_bytes()).await.unwrap();
    drop(caller);
    let line = service.line().await;
    assert_fields(&line, &json!({ "function": "create-identity", "caller": "host", "tries": null }));
    assert!(["cancelled", "malformed-json"].contains(&line["outcome"].as_str().unwrap()), "{line}");
}

#[tokio::test]
async fn identity_of_a_disconnected_caller_has_lines() {
    let mut service = Service::handler(&[]).await;
    service.control("faults", json!({ "operation": "create-identity", "delayMs": 1000 })).await;
    let caller = send(&service, "POST", "/api/identities").await;
    let calls = format!("{}/_emulator/calls", service.emulator);
    let received = async {
        while !service.http.get(&calls).send().await.unwrap().text().await.unwrap().contains("create-identity") {}
    };
    tokio::time::timeout(Duration::from_secs(30), received).await.unwrap();
    drop(caller);
    let cancelled = service.line().await;
    assert_fields(&cancelled, &json!({ "action": "create-identity", "outcome": "cancelled" }));
    let lines = service.running.until(|line| line.contains("deleted identity")).await;
    let lines: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let line = |action: &str, message: &str| {
        json!({
            "action": action, "message": message, "caller": "host", "outcome": "done", "request_id": cancelled["request_id"],
            "identity": lines[0]["identity"],
        })
    };
    assert_fields(&lines[0], &line("create-identity", "created identity"));
    assert_fields(&lines[1], &line("delete-identity", "deleted identity"));
    assert_eq!(lines.len(), 2);
}
