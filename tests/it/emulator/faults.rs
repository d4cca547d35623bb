//! Faults that the control API injects.

use std::{io, time::Instant};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{Answer, CREATE, Server, target};

async fn order(server: &Server, fault: &Value) {
    server.order("POST", "faults", fault).await;
}

async fn create(server: &Server) -> io::Result<Answer> {
    server.try_send(&server.request("POST", CREATE, "{}")).await
}

async fn identities(server: &Server) -> usize {
    server.get("state").await["identities"].as_array().unwrap().len()
}

#[tokio::test]
async fn an_answer_has_any_status_and_headers() {
    let server = Server::start().await;
    for status in [400, 401, 403, 404, 408, 409, 429, 500, 501, 502, 503, 504] {
        order(&server, &json!({"answer": {"status": status}})).await;
        let answer = create(&server).await.unwrap();
        assert_eq!((answer.status, answer.header("retry-after")), (status, None));
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.json()["error"]["message"], "A fault requested through the emulator's control API.");
    }
    for (name, value) in [
        ("Retry-After", "2"),
        ("Retry-After", "Wed, 13 Apr 2022 18:09:12 GMT"),
        ("x-ms-retry-after-ms", "150"),
        ("Location", "http://127.0.0.1:1/"),
    ] {
        order(&server, &json!({"answer": {"status": 429, "headers": {name: value}}})).await;
        let answer = create(&server).await.unwrap();
        assert_eq!((answer.status, answer.header(&name.to_lowercase())), (429, Some(value)));
    }
    assert_eq!(identities(&server).await, 0, "the operation is not carried out");
}

#[tokio::test]
async fn an_answer_has_any_body() {
    let server = Server::start().await;
    for (answer, content_type, body) in [
        (json!({"status": 201, "body": "{\"identity\":"}), None, "{\"identity\":"),
        (json!({"status": 201, "bodyBase64": "AAEC"}), None, "\u{0}\u{1}\u{2}"),
        (json!({"status": 502, "body": "<p>", "headers": {"Content-Type": "text/html"}}), Some("text/html"), "<p>"),
        (json!({"status": 200, "body": "", "headers": {"Content-Type": "a/b"}}), Some("a/b"), ""),
    ] {
        order(&server, &json!({ "answer": answer })).await;
        let answer = create(&server).await.unwrap();
        assert_eq!((answer.header("content-type"), answer.body.as_str()), (content_type, body));
    }
}

#[tokio::test]
async fn a_reset_comes_before_or_after_the_operation() {
    let server = Server::start().await;
    for (carried_out, created) in [(false, 0), (true, 1)] {
        order(&server, &json!({"reset": true, "carriedOut": carried_out})).await;
        assert_eq!(create(&server).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        assert_eq!(identities(&server).await, created);
    }
    assert_eq!(create(&server).await.unwrap().status, 201);
}

#[tokio::test]
async fn a_reset_ends_a_connection_that_is_in_use() {
    let server = Server::start().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let request = server.request("POST", CREATE, "{}").bytes().replace("Connection: close\r\n", "");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut buffer = vec![0; 4096];
    let read = stream.read(&mut buffer).await.unwrap();
    assert!(buffer[..read].starts_with(b"HTTP/1.1 201 Created\r\n"));
    order(&server, &json!({"reset": true})).await;
    stream.write_all(request.as_bytes()).await.unwrap();
    assert_eq!(stream.read(&mut buffer).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_body_breaks_off_after_some_bytes() {
    let server = Server::start().await;
    let whole = create(&server).await.unwrap().body.len();
    for keep in [0, 10, 100_000] {
        order(&server, &json!({"operation": "create-identity", "cutAfterBytes": keep})).await;
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(server.request("POST", CREATE, "{}").bytes().as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 201 Created\r\n"), "{head}");
        assert!(head.contains(&format!("content-length: {whole}\r\n")), "{head}");
        assert_eq!(body.len(), keep.min(whole - 1));
    }
    assert_eq!(identities(&server).await, 4, "the operation is carried out");
    // Answers of a fault and chunked ones break off, too.
    order(&server, &json!({"answer": {"status": 500, "body": "abcdef"}, "cutAfterBytes": 3})).await;
    assert_eq!(create(&server).await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    order(&server, &json!({"cutAfterBytes": 3})).await;
    let error = server.request("POST", CREATE, r#"{"expiresInMinutes":1}"#);
    assert_eq!(server.try_send(&error).await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
}

#[tokio::test]
async fn a_delay_precedes_the_answer() {
    let server = Server::start().await;
    order(&server, &json!({"delayMs": 120})).await;
    let started = Instant::now();
    assert_eq!(create(&server).await.unwrap().status, 201);
    assert!(started.elapsed().as_millis() >= 120);
}

#[tokio::test]
async fn faults_apply_in_order_to_the_operations_they_name() {
    let server = Server::start().await;
    let faults = json!([
        {"operation": "issue-token", "times": 2, "answer": {"status": 500}},
        {"operation": "create-identity", "skip": 1, "answer": {"status": 503}},
        {"answer": {"status": 429}},
    ]);
    order(&server, &faults).await;
    let id = server.identity().await;
    let issue = target(&id, "/:issueAccessToken");
    for (path, body, status) in [
        (CREATE, "{}", 503),
        (CREATE, "{}", 429),
        (CREATE, "{}", 201),
        (&issue, r#"{"scopes":["chat"]}"#, 500),
        (&issue, r#"{"scopes":["chat"]}"#, 500),
        (&issue, r#"{"scopes":["chat"]}"#, 200),
    ] {
        assert_eq!(server.call("POST", path, body).await.status, status);
    }
    let calls = json!({"create-identity": {"received": 4, "faulted": 2}, "issue-token": {"received": 3, "faulted": 2}});
    assert_eq!(server.get("calls").await, calls);
    assert_eq!(server.get("faults").await, json!([]));
}

#[tokio::test]
async fn an_invalid_fault_is_rejected_with_its_whole_list() {
    let server = Server::start().await;
    let excludes = "'reset' excludes 'answer' and 'cutAfterBytes'";
    let length = json!({"status": 500, "headers": {"Content-Length": "1"}});
    for (fault, reason) in [
        (json!({}), "the fault has no effect: add 'reset', 'answer', 'cutAfterBytes' or 'delayMs'"),
        (json!({"reset": true, "times": 0}), "'times' must be at least 1"),
        (json!({"reset": true, "cutAfterBytes": 1}), excludes),
        (json!({"reset": true, "answer": {"status": 500}}), excludes),
        (
            json!({"cutAfterBytes": 1, "carriedOut": false}),
            "'carriedOut' must not be false without 'answer' or 'reset'",
        ),
        (json!({"answer": {"status": 199}}), "'status' must be 200 to 599"),
        (json!({ "answer": length }), "'Content-Length' is set by the emulator; remove it"),
        (json!({"answer": {"status": 500, "headers": {"a b": "1"}}}), "'a b' is not a header name"),
        (json!({"answer": {"status": 500, "headers": {"a": "\n"}}}), "the value of 'a' is invalid"),
        (json!({"answer": {"status": 500, "body": "", "bodyBase64": ""}}), "'body' excludes 'bodyBase64'"),
        (json!({"answer": {"status": 500, "bodyBase64": "?"}}), "'bodyBase64' is not base64"),
        (json!({"rest": true}), "unknown field `rest`"),
        (json!({"reset": true, "operation": "create"}), "unknown variant `create`"),
    ] {
        let answer = server.control("POST", "faults", &json!([{"reset": true}, fault])).await;
        assert_eq!(answer.status, 400, "{fault}");
        let error = answer.json()["error"].as_str().unwrap().to_owned();
        assert!(error.starts_with(reason), "{error}");
    }
    assert_eq!(server.get("faults").await, json!([]));
}

#[tokio::test]
async fn the_documented_faults_are_valid() {
    let server = Server::start().await;
    let page = include_str!("../../../docs/emulator.md");
    let json = page.split("```json\n").nth(1).unwrap().split("```").next().unwrap();
    let faults: Value = serde_json::from_str(json).unwrap();
    order(&server, &faults).await;
    assert_eq!(server.get("faults").await.as_array().unwrap().len(), faults.as_array().unwrap().len());
    server.order("DELETE", "faults", &Value::Null).await;
    assert_eq!(create(&server).await.unwrap().status, 201);
    assert!(page.contains(acs_tokens::emulator::DEVELOPMENT_KEY));
}
