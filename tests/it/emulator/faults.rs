//! Calls that fail as ordered at the control API.

use std::{io, time::Instant};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{Answer, Bench, STABLE};

async fn order(bench: &Bench, fault: &Value) {
    let answer = bench.control("POST", "faults", fault).await;
    assert_eq!((answer.status, answer.body.as_str()), (204, ""), "{answer:?}");
}

async fn create(bench: &Bench) -> io::Result<Answer> {
    bench.try_send(&bench.call("POST", &format!("/identities?{STABLE}"), "{}")).await
}

async fn identities(bench: &Bench) -> usize {
    bench.control("GET", "state", &Value::Null).await.json()["identities"].as_array().unwrap().len()
}

#[tokio::test]
async fn every_status_with_and_without_retry_after() {
    let bench = Bench::start().await;
    for status in [400, 401, 403, 404, 408, 409, 429, 500, 501, 502, 503, 504] {
        order(&bench, &json!({"answer": {"status": status}})).await;
        let answer = create(&bench).await.unwrap();
        assert_eq!((answer.status, answer.header("retry-after")), (status, None));
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.json()["error"]["message"], "A fault requested through the emulator's control API.");
        for (name, value) in [
            ("Retry-After", "2"),
            ("Retry-After", "Wed, 13 Apr 2022 18:09:12 GMT"),
            ("retry-after-ms", "150"),
            ("x-ms-retry-after-ms", "150"),
        ] {
            order(&bench, &json!({"answer": {"status": status, "headers": {name: value}}})).await;
            let answer = create(&bench).await.unwrap();
            assert_eq!((answer.status, answer.header(&name.to_lowercase())), (status, Some(value)));
        }
    }
    assert_eq!(identities(&bench).await, 0, "nothing was carried out");
}

#[tokio::test]
async fn bodies_of_any_kind() {
    let bench = Bench::start().await;
    for (answer, content_type, body) in [
        (json!({"status": 201, "body": "{\"identity\":"}), None, "{\"identity\":"),
        (json!({"status": 201, "bodyBase64": "AAEC"}), None, "\u{0}\u{1}\u{2}"),
        (
            json!({"status": 502, "body": "<html></html>", "headers": {"Content-Type": "text/html"}}),
            Some("text/html"),
            "<html></html>",
        ),
        (
            json!({"status": 200, "body": "", "headers": {"Content-Type": "application/json"}}),
            Some("application/json"),
            "",
        ),
    ] {
        order(&bench, &json!({ "answer": answer })).await;
        let answer = create(&bench).await.unwrap();
        assert_eq!((answer.header("content-type"), answer.body.as_str()), (content_type, body));
    }
    order(&bench, &json!({"answer": {"status": 302, "headers": {"Location": "http://127.0.0.1:1/"}}})).await;
    let answer = create(&bench).await.unwrap();
    assert_eq!((answer.status, answer.header("location")), (302, Some("http://127.0.0.1:1/")));
}

#[tokio::test]
async fn a_reset_before_and_after_the_operation() {
    let bench = Bench::start().await;
    for (carried_out, made) in [(false, 0), (true, 1)] {
        order(&bench, &json!({"reset": true, "carriedOut": carried_out})).await;
        assert_eq!(create(&bench).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        assert_eq!(identities(&bench).await, made);
    }
    assert_eq!(create(&bench).await.unwrap().status, 201);
}

#[tokio::test]
async fn a_reset_in_the_middle_of_a_kept_connection() {
    let bench = Bench::start().await;
    let mut stream = TcpStream::connect(bench.address).await.unwrap();
    let call = bench.call("POST", &format!("/identities?{STABLE}"), "{}").bytes().replace("Connection: close\r\n", "");
    stream.write_all(call.as_bytes()).await.unwrap();
    let mut buffer = vec![0; 4096];
    let read = stream.read(&mut buffer).await.unwrap();
    assert!(buffer[..read].starts_with(b"HTTP/1.1 201 Created\r\n"));
    order(&bench, &json!({"reset": true})).await;
    stream.write_all(call.as_bytes()).await.unwrap();
    assert_eq!(stream.read(&mut buffer).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_body_cut_short() {
    let bench = Bench::start().await;
    let whole = create(&bench).await.unwrap().body.len();
    for keep in [0, 10, 100_000] {
        order(&bench, &json!({"operation": "create-identity", "cutAfterBytes": keep})).await;
        let mut stream = TcpStream::connect(bench.address).await.unwrap();
        let call = bench.call("POST", &format!("/identities?{STABLE}"), "{}");
        stream.write_all(call.bytes().as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let text = String::from_utf8(answer).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 201 Created\r\n"), "{head}");
        assert!(head.contains(&format!("content-length: {whole}\r\n")), "{head}");
        assert_eq!(body.len(), keep.min(whole - 1));
    }
    assert_eq!(identities(&bench).await, 4, "its identity was made all the same");
    // An ordered answer is cut as well, a chunked one too.
    order(&bench, &json!({"answer": {"status": 500, "body": "abcdef"}, "cutAfterBytes": 3})).await;
    assert_eq!(create(&bench).await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    order(&bench, &json!({"cutAfterBytes": 3})).await;
    let refused = bench.call("POST", &format!("/identities?{STABLE}"), r#"{"expiresInMinutes":1}"#);
    assert_eq!(bench.try_send(&refused).await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
}

#[tokio::test]
async fn a_delay() {
    let bench = Bench::start().await;
    order(&bench, &json!({"delayMs": 120})).await;
    let started = Instant::now();
    assert_eq!(create(&bench).await.unwrap().status, 201);
    assert!(started.elapsed().as_millis() >= 120);
}

#[tokio::test]
async fn faults_fall_in_order_upon_the_calls_they_name() {
    let bench = Bench::start().await;
    order(
        &bench,
        &json!([
            {"operation": "issue-token", "times": 2, "answer": {"status": 500}},
            {"operation": "create-identity", "skip": 1, "answer": {"status": 503}},
            {"answer": {"status": 429}},
        ]),
    )
    .await;
    let id = bench.identity().await;
    let mut seen = Vec::new();
    for target in ["/identities", "/identities", "/identities"] {
        seen.push(bench.ask("POST", &format!("{target}?{STABLE}"), "{}").await.status);
    }
    assert_eq!(seen, [503, 429, 201]);
    let mut seen = Vec::new();
    for _ in 0..3 {
        let target = format!("/identities/{id}/:issueAccessToken?{STABLE}");
        seen.push(bench.ask("POST", &target, r#"{"scopes":["chat"]}"#).await.status);
    }
    assert_eq!(seen, [500, 500, 200]);
    let calls = bench.control("GET", "calls", &Value::Null).await.json();
    assert_eq!(
        calls,
        json!({"create-identity": {"received": 4, "faulted": 2}, "issue-token": {"received": 3, "faulted": 2}})
    );
    assert_eq!(bench.control("GET", "faults", &Value::Null).await.json(), json!([]));
}

#[tokio::test]
async fn a_fault_that_cannot_be_is_refused_with_the_reason() {
    let bench = Bench::start().await;
    for (fault, reason) in [
        (json!({}), "the fault has no effect: add 'reset', 'answer', 'cutAfterBytes' or 'delayMs'"),
        (json!({"reset": true, "times": 0}), "'times' must be at least 1"),
        (json!({"reset": true, "cutAfterBytes": 1}), "'reset' excludes 'answer' and 'cutAfterBytes'"),
        (json!({"reset": true, "answer": {"status": 500}}), "'reset' excludes 'answer' and 'cutAfterBytes'"),
        (
            json!({"cutAfterBytes": 1, "carriedOut": false}),
            "'carriedOut' must not be false without 'answer' or 'reset'",
        ),
        (json!({"answer": {"status": 199}}), "'status' must be 200 to 599"),
        (
            json!({"answer": {"status": 500, "headers": {"Content-Length": "1"}}}),
            "'Content-Length' is set by the emulator; remove it",
        ),
        (json!({"answer": {"status": 500, "headers": {"a b": "1"}}}), "'a b' is not a header name"),
        (json!({"answer": {"status": 500, "headers": {"a": "\n"}}}), "the value of 'a' is invalid"),
        (json!({"answer": {"status": 500, "body": "", "bodyBase64": ""}}), "'body' excludes 'bodyBase64'"),
        (json!({"answer": {"status": 500, "bodyBase64": "?"}}), "'bodyBase64' is not base64"),
        (json!({"rest": true}), "unknown field `rest`"),
        (json!({"reset": true, "operation": "create"}), "unknown variant `create`"),
    ] {
        let answer = bench.control("POST", "faults", &json!([{"reset": true}, fault])).await;
        assert_eq!(answer.status, 400, "{fault}");
        let error = answer.json()["error"].as_str().unwrap().to_owned();
        assert!(error.starts_with(reason), "{error}");
    }
    assert_eq!(
        bench.control("GET", "faults", &Value::Null).await.json(),
        json!([]),
        "of a list with a wrong one, none"
    );
}

#[tokio::test]
async fn the_documented_faults_are_taken() {
    let bench = Bench::start().await;
    let page = include_str!("../../../docs/emulator.md");
    let json = page.split("```json\n").nth(1).unwrap().split("```").next().unwrap();
    let faults: Value = serde_json::from_str(json).unwrap();
    order(&bench, &faults).await;
    let taken = bench.control("GET", "faults", &Value::Null).await.json();
    assert_eq!(taken.as_array().unwrap().len(), faults.as_array().unwrap().len());
    assert_eq!(bench.control("DELETE", "faults", &Value::Null).await.status, 204);
    assert_eq!(create(&bench).await.unwrap().status, 201);
    assert!(page.contains(acs_tokens::emulator::DEVELOPMENT_KEY));
}
