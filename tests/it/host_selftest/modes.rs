//! What a request loses and gains on its way through the host, in each of the three modes.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use uuid::Uuid;

use super::{App, begin, get, send};
use crate::host::{Generation, Host};

const REQUEST: &str = "\
User-Agent: tester/1\r\nX-Twice: one\r\nX-Twice: two\r\nContent-Type: text/plain\r\nContent-Encoding: x\r\nTE: trailers\r\n\
Proxy-Authorization: x\r\nForwarded: for=1.2.3.4\r\nX-Forwarded-For: 1.2.3.4\r\nX-Azure-Functions-InvocationId: spoofed\r\n\
Content-Length: 2\r\n";

/// The headers that reached the program, by name; of the host's id only whether it is one.
fn headers(told: &Value) -> Vec<(String, String)> {
    let pair = |pair: &Value| (pair[0].as_str().unwrap().to_owned(), pair[1].as_str().unwrap().to_owned());
    let mut headers: Vec<_> = told["headers"].as_array().unwrap().iter().map(pair).collect();
    for (_, value) in &mut headers {
        let start = value.len().saturating_sub(36);
        if value.get(start..).is_some_and(|end| Uuid::parse_str(end).is_ok()) {
            value.replace_range(start.., "<id>");
        }
    }
    headers.sort();
    headers
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test]
async fn proxying_keeps_all_but_what_belongs_to_the_connection() {
    let app = App::echo();
    let host = app.start(&[]).await;
    let told = send(&host, "POST /API/echo/a%3Ab%2Fc/?a=1&a=2&b=%20", REQUEST, "hi").await.json();
    assert_eq!(told["method"], "POST");
    assert_eq!(told["target"], "/API/echo/a:b%252Fc/?a=1&a=2&b=%20");
    assert_eq!(told["body"], "hi");
    let port = told["environment"]["FUNCTIONS_CUSTOMHANDLER_PORT"].as_str().unwrap();
    let expected = pairs(&[
        ("content-encoding", "x"),
        ("content-length", "2"),
        ("content-type", "text/plain"),
        ("host", &format!("127.0.0.1:{port}")),
        ("user-agent", "tester/1"),
        ("x-azure-functions-hostversion", "4.1052.200.0"),
        ("x-azure-functions-invocationid", "<id>"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-host", "app.example"),
        ("x-forwarded-proto", "http"),
        ("x-ms-invocation-id", "<id>"),
        ("x-twice", "one"),
        ("x-twice", "two"),
    ]);
    assert_eq!(headers(&told), expected);
}

#[tokio::test]
async fn forwarding_builds_the_request_anew() {
    let app = App::echo();
    let host = app.start_as(Generation::Forwarding, &[]).await;
    let told = send(&host, "POST /API/echo/a%3Ab%2Fc/?a=1&a=2&b=%20", REQUEST, "hi").await.json();
    assert_eq!(told["target"], "/API/echo/a:b%2Fc/?a=1%2C2&b=%20");
    assert_eq!(told["body"], "hi");
    let expected = pairs(&[
        ("connection", "close"),
        ("content-length", "2"),
        ("content-type", "text/plain"),
        ("forwarded", "for=1.2.3.4"),
        ("host", "app.example"),
        ("proxy-authorization", "x"),
        ("te", "trailers"),
        ("user-agent", "tester/1 Azure-Functions-Host/4.1052.200.0"),
        ("x-azure-functions-hostversion", "4.1052.200.0"),
        ("x-azure-functions-invocationid", "spoofed, <id>"),
        ("x-forwarded-for", "1.2.3.4"),
        ("x-twice", "one, two"),
    ]);
    assert_eq!(headers(&told), expected);
}

#[tokio::test]
async fn forwarding_drops_the_content_type_of_an_empty_post() {
    let app = App::echo();
    let host = app.start_as(Generation::Forwarding, &[]).await;
    let empty = "Content-Type: application/json\r\nContent-Length: 0\r\n";
    let told = send(&host, "POST /api/echo", empty, "").await.json();
    assert!(!headers(&told).iter().any(|(name, _)| name == "content-type"), "{told}");

    let host = app.start(&[]).await;
    let told = send(&host, "POST /api/echo", empty, "").await.json();
    assert!(headers(&told).contains(&("content-type".into(), "application/json".into())), "{told}");
}

#[tokio::test]
async fn only_proxying_passes_chunks() {
    let app = App::echo();
    let (headers, body) = ("Transfer-Encoding: chunked\r\n", "2\r\nhi\r\n0\r\n\r\n");
    let host = app.start(&[]).await;
    assert_eq!(send(&host, "POST /api/echo", headers, body).await.json()["body"], "hi");
    let host = app.start_as(Generation::Forwarding, &[]).await;
    let answer = send(&host, "POST /api/echo", headers, body).await;
    assert_eq!((answer.status(), answer.body.as_str()), (500, ""));
}

#[tokio::test]
async fn the_envelope_describes_the_request_and_the_answer() {
    let app = App::echo();
    let host = app.start_as(Generation::Neither, &[]).await;
    let request = "Content-Type: application/json\r\nContent-Length: 17\r\n";
    let answer = send(&host, "POST /api/echo/7?a=1&a=2&code=k", request, r#"{"b":1,"rest":[]}"#).await;
    assert_eq!((answer.status(), answer.header("x-said")), (201, vec!["so"]));
    let told = answer.json();
    assert_eq!((&told["method"], &told["target"]), (&json!("POST"), &json!("/echo")));
    let mut envelope: Value = serde_json::from_str(told["body"].as_str().unwrap()).unwrap();
    let request = envelope["Data"]["req"].take();
    assert_eq!(request["Url"], "http://app.example/api/echo/7?a=1&a=2&code=k");
    assert_eq!(request["Method"], "POST");
    assert_eq!(request["Query"], json!({ "a": "1,2", "code": "k" }));
    assert_eq!(request["Params"], json!({ "rest": "7" }));
    assert_eq!(request["Headers"]["content-type"], json!(["application/json"]));
    assert_eq!(request["Body"], r#"{"b":1,"rest":[]}"#);
    let metadata = &envelope["Metadata"];
    assert_eq!([&metadata["a"], &metadata["b"], &metadata["rest"]], ["\"1,2\"", "\"1\"", "\"7\""]);
    assert_eq!((&metadata["Query"], &metadata["code"]), (&json!({ "a": "1,2" }), &Value::Null));
    assert_eq!(metadata["sys"]["MethodName"], "echo");
    let said = |line: &crate::host::LogLine| line.category == "Function.echo.User" && line.text == "the program says";
    assert!(host.log_lines().iter().any(said));
}

#[tokio::test]
async fn an_envelope_that_is_refused_is_a_bare_500() {
    let app = App::echo();
    let host = app.start_as(Generation::Neither, &[("ECHO_REFUSES", "1")]).await;
    let answer = get(&host, "/api/echo").await;
    assert_eq!((answer.status(), answer.body.as_str()), (500, ""));
    let host = app.start(&[("ECHO_REFUSES", "1")]).await;
    assert_eq!(get(&host, "/api/echo").await.status(), 501);
}

#[tokio::test]
async fn one_binding_more_means_the_envelope() {
    let app = App::echo();
    let trigger = json!({ "type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous" });
    let queue = json!({ "type": "queue", "direction": "out", "name": "message" });
    app.bindings("more", &json!([trigger, { "type": "http", "direction": "out", "name": "other" }, queue]));
    let host = app.start(&[]).await;
    let answer = get(&host, "/api/more").await;
    assert_eq!(answer.status(), 204, "the answer holds no output of this name");
}

#[tokio::test]
async fn answers_pass_unchanged_but_for_their_framing() {
    let app = App::echo();
    for generation in [Generation::Proxying, Generation::Forwarding] {
        let host = app.start_as(generation, &[]).await;
        let redirect = get(&host, "/api/echo?do=redirect").await;
        assert_eq!((redirect.status(), redirect.header("location")), (302, vec!["/elsewhere"]));
        assert_eq!(get(&host, "/api/echo?do=cookies").await.header("set-cookie"), ["a=1", "b=2"]);
        assert_eq!(get(&host, "/api/echo?do=no-content").await.status(), 204);
        let teapot = get(&host, "/api/echo?do=teapot").await;
        assert_eq!((teapot.status(), teapot.body.as_str()), (418, "short and stout"));
        assert_eq!(teapot.header("x-custom"), ["from the program"], "host.json only adds what is missing");
        assert_eq!(get(&host, "/api/echo").await.header("x-custom"), ["from host.json"]);
        let head = send(&host, "HEAD /api/echo?do=teapot", "", "").await;
        assert_eq!((head.status(), head.body.as_str(), head.header("content-length")), (418, "", vec!["15"]));
        let chunks = get(&host, "/api/echo?do=chunks").await;
        if generation == Generation::Proxying {
            assert_eq!(chunks.body, "5\r\nfirst\r\n6\r\nsecond\r\n0\r\n\r\n");
        } else {
            assert_eq!((chunks.body.as_str(), chunks.header("content-length")), ("firstsecond", vec!["11"]));
        }
    }
}

#[tokio::test]
async fn an_answer_cut_short_is_a_500_only_while_nothing_was_sent() {
    let app = App::echo();
    for (generation, expected) in [(Generation::Proxying, "HTTP/1.1 200 OK"), (Generation::Forwarding, "HTTP/1.1 500 ")]
    {
        let host = app.start_as(generation, &[]).await;
        let mut stream = begin(host.address(), "POST /api/echo?do=begin", "Content-Length: 2\r\n", "hi").await;
        let mut received = Vec::new();
        if generation == Generation::Proxying {
            while !received.ends_with(b"first\r\n") {
                assert!(stream.read_buf(&mut received).await.unwrap() > 0, "ended before the first chunk");
            }
        } else {
            let asked = |host: &Host| host.log_lines().iter().any(|line| line.text == "asked to begin");
            host.until("the request", asked).await;
        }
        host.kill_worker();
        let _ = stream.read_to_end(&mut received).await;
        let received = String::from_utf8(received).unwrap();
        assert!(received.starts_with(expected) && !received.ends_with("\r\n0\r\n\r\n"), "{received}");
    }
}

#[tokio::test]
async fn proxying_streams_both_ways() {
    let app = App::echo();
    let host = app.start(&[]).await;
    let mut stream = begin(host.address(), "POST /api/echo?do=begin", "Transfer-Encoding: chunked\r\n", "").await;
    let mut received = Vec::new();
    while !received.ends_with(b"first\r\n") {
        assert!(stream.read_buf(&mut received).await.unwrap() > 0, "ended before the first chunk");
    }
    stream.write_all(b"2\r\nhi\r\n").await.unwrap();
}

#[tokio::test]
async fn a_request_without_a_body_is_sent_again_when_its_program_dies_under_proxying_only() {
    let app = App::echo();
    let host = app.start_as(Generation::Forwarding, &[]).await;
    assert_eq!(get(&host, "/api/echo?do=exit:200").await.status(), 500);
    host.until("one end", |host| host.exit_events().len() == 1).await;
    let host = app.start(&[]).await;
    assert_eq!(get(&host, "/api/echo?do=exit:200").await.status(), 500);
    host.until("more ends", |host| host.exit_events().len() > 1).await;
}
