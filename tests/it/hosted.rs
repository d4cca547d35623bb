//! The real `handler` behind the stand-in Functions host: behaviour that depends on the host.

use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{
    harness::{Answer, Api},
    host::{Generation, Keys, Reaction, Severity},
    process::until,
};

through_each_host! {
    accepts_paths_in_any_case_and_encoding, accepts_a_chunked_body_or_fails_without_a_call_to_acs, answers_head_requests,
    rejects_a_compressed_body, ignores_repeated_query_keys,
}

/// Sends raw bytes and returns status and body.
async fn raw(address: SocketAddr, head: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("{head}\r\nHost: {address}\r\nConnection: close\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

fn address(api: &Api) -> SocketAddr {
    api.base.strip_prefix("http://").unwrap().parse().unwrap()
}

async fn accepts_paths_in_any_case_and_encoding(api: Api) {
    let id = api.new_identity().await;
    let scopes = r#"{"scopes":["voip"]}"#;
    for path in [
        format!("/API/Identities/{id}/TOKENS"),
        format!("/api/identities/{id}/tokens/"),
        format!("/api/identities/{}/tokens", id.replace(':', "%3A")),
        format!("/api/identities/{}/tokens", id.replace(':', "%3a")),
    ] {
        let answer = api.post(&path, scopes).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
    }
    // The host rejects an empty segment; our router accepts it.
    let doubled = api.post(&format!("/api//identities/{id}/tokens"), scopes).await;
    assert_eq!(doubled.status, if api.is_hosted() { 404 } else { 200 });
}

async fn accepts_a_chunked_body_or_fails_without_a_call_to_acs(api: Api) {
    let head = "POST /api/identities HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked";
    let (status, body) = raw(address(&api), head, "2\r\n{}\r\n0\r\n\r\n").await;
    let forwards = api.is_hosted_by(Generation::Forwarding);
    // A forwarding host copies the header but not the body, and fails.
    assert_eq!(status, if forwards { 500 } else { 201 }, "{body}");
    assert_eq!(api.upstream_calls().await, u64::from(!forwards));
}

async fn answers_head_requests(api: Api) {
    let head = Answer::of(api.request("HEAD", "/api/health")).await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    // A method that a function does not list is 404 from the host, and 405 from the router.
    let other = Answer::of(api.request("HEAD", "/api/identities")).await;
    assert_eq!(other.status, if api.is_hosted() { 404 } else { 405 });
    // The host answers `/` with its own page.
    if !api.is_hosted() {
        for (path, status) in [("/", 200), ("/api/nothing", 404)] {
            assert_eq!(Answer::of(api.request("HEAD", path)).await.status, status, "{path}");
        }
    }
}

async fn rejects_a_compressed_body(api: Api) {
    let gzip = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xab, 0xae, 5, 0, 0x43, 0xbf, 0xa6, 0xa3, 2, 0, 0, 0];
    let request = api.request("POST", "/api/identities").header("content-type", "application/json");
    let answer = Answer::of(request.header("content-encoding", "gzip").body(gzip.to_vec())).await;
    answer.assert_code(415, "unsupported-media-type", &[]);
    assert_eq!(api.upstream_calls().await, 0);
}

async fn ignores_repeated_query_keys(api: Api) {
    api.post("/api/identities?a=1&a=2&code=x&code=y", "{}").await.assert_ok(201);
}

#[tokio::test]
async fn rejects_ids_that_a_host_does_not_pass_on() {
    let api = Api::direct().await;
    for (id, code) in [("8:acs:a_b%00", "invalid-url"), ("%FF", "invalid-identity-id")] {
        let answer = api.post(&format!("/api/identities/{id}/tokens"), r#"{"scopes":["voip"]}"#).await;
        answer.assert_code(400, code, &[]);
    }
}

/// A forwarding host cuts the path at an encoded `#` or `?` before the handler sees it: docs/security.md.
#[tokio::test]
async fn encoded_delimiter_in_the_path_changes_no_identity() {
    for api in [Api::direct().await, Api::hosted(Generation::Proxying).await] {
        let id = api.new_identity().await;
        for delimiter in ["%23", "%3F", "%3f", "%5C", "%0A", "%7F"] {
            for path in [format!("{id}{delimiter}/tokens"), format!("{id}{delimiter}x")] {
                let answer = api.delete(&format!("/api/identities/{path}")).await;
                answer.assert_code(400, "invalid-url", &[]);
            }
        }
        assert_eq!(api.upstream_calls().await, 1);
        api.delete(&format!("/api/identities/{id}/tokens")).await.assert_ok(204);
    }
}

#[tokio::test]
async fn logs_the_invocation_id_of_the_host_and_no_key() {
    for generation in [Generation::Proxying, Generation::Forwarding] {
        let key = "a-function-key-of-the-host";
        let keys = Keys { host: vec![key.to_owned()], ..Keys::default() };
        let api = Api::hosted_with(generation, Some(keys), &[]).await;
        let request = |key: &str| {
            api.request("POST", "/api/identities?code=not-looked-at")
                .header("content-type", "application/json")
                .header("x-functions-key", key.to_owned())
                .header("x-azure-functions-invocationid", "00000000-spoofed")
                .body("{}")
        };
        let refused = Answer::of(request("wrong")).await;
        assert_eq!((refused.status, refused.body.as_str()), (401, ""));
        let answer = Answer::of(request(key)).await;
        answer.assert_ok(201);
        let invocation = answer.header("x-request-id").to_owned();
        assert!(uuid::Uuid::parse_str(&invocation).is_ok(), "{invocation}");

        api.host().until("the line", |host| host.log_lines().iter().any(|line| line.text.contains(&invocation))).await;
        for line in api.host().log_lines() {
            for secret in [key, "not-looked-at", "00000000-spoofed"] {
                assert!(!line.text.contains(secret), "{line}");
            }
        }
    }
}

#[tokio::test]
async fn an_envelope_is_rejected_with_the_settings_to_change() {
    let api = Api::hosted(Generation::Neither).await;
    let answer = api.post("/api/identities", r#"{"createTokenWithScopes":["voip"]}"#).await;
    // The host answers a bare 500 unless the handler answers with a success.
    assert_eq!((answer.status, answer.body.as_str()), (500, ""));
    let said = |text: &str| text.contains("host-not-forwarding") && text.contains("enableForwardingHttpRequest");
    api.host().until("the line", |host| host.log_lines().iter().any(|line| said(&line.text))).await;
    assert_eq!(api.upstream_calls().await, 0);
}

#[tokio::test]
async fn no_returned_identity_is_lost_when_the_handler_is_killed() {
    let api = Api::hosted(Generation::Proxying).await;
    let mut answered = Vec::new();
    // The host stops at the third failure.
    for kills in 1..=2 {
        // Two calls are answered. Two wait for ACS when the handler is killed.
        api.control("POST", "faults", Some(json!({ "skip": 2, "times": 2, "delayMs": 5000 }))).await;
        answered.push(api.post("/api/identities", "{}").await);
        answered.push(api.post("/api/identities", "{}").await);
        let before = api.upstream_calls().await;
        let kill = async {
            until("the calls to ACS", async || api.upstream_calls().await >= before + 2).await;
            api.host().kill_worker();
        };
        let (one, other, ()) = tokio::join!(api.post("/api/identities", "{}"), api.post("/api/identities", "{}"), kill);
        assert_eq!((one.status, other.status), (500, 500));
        api.host().until("the end", |host| host.exit_events().len() == kills).await;
    }
    // The host restarts the handler, which needs no state of the old process.
    answered.push(api.post("/api/identities", "{}").await);
    let state = api.control("GET", "state", None).await;
    let known: Vec<&Value> = state["identities"].as_array().unwrap().iter().map(|identity| &identity["id"]).collect();
    for answer in answered {
        assert!(known.contains(&&answer.json()["identity"]["id"]), "{answer:?} is lost");
    }
}

#[tokio::test]
async fn a_function_timeout_restarts_the_handler() {
    let timeout = [("AzureFunctionsJobHost__functionTimeout", "00:00:01")];
    let api = Api::hosted_with(Generation::Proxying, None, &timeout).await;
    api.control("POST", "faults", Some(json!({ "delayMs": 5000 }))).await;
    let answer = api.post("/api/identities", "{}").await;
    assert_eq!((answer.status, answer.body.as_str()), (500, ""));
    api.post("/api/identities", "{}").await.assert_ok(201);
}

#[tokio::test]
async fn a_handler_with_a_wrong_setting_logs_it_and_exits_with_1() {
    let wrong = [("COMMUNICATION_SERVICES_API_VERSION", "latest")];
    let api = Api::hosted_with(Generation::Proxying, None, &wrong).await;
    api.host().until("the end", |host| host.exit_events().len() == 3).await;
    let ends = api.host().exit_events();
    assert!(ends.iter().all(|end| end.code == Some(1)), "{ends:?}");
    assert_eq!(ends[2].reaction, Reaction::HostStopped);
    let said = |text: &str| text.contains("COMMUNICATION_SERVICES_API_VERSION: not an api-version");
    assert!(api.host().log_lines().iter().any(|line| said(&line.text) && line.severity == Severity::Information));
}
