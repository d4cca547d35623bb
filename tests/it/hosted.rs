//! The real `handler` behind the stand-in Functions host: what only a host in between brings up.

use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{
    harness::{Answer, Api},
    host::{Generation, Keys, Reaction, Severity},
};

through_each_host! {
    takes_paths_as_they_come, takes_a_chunked_body_or_fails_before_anything_happens, answers_head,
    refuses_a_compressed_body, keeps_repeated_query_keys_out_of_the_way,
}

/// Sends bytes as written and reads to the end: status and body.
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

async fn takes_paths_as_they_come(api: Api) {
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
    // The host's own router takes no empty segment; ours does.
    let doubled = api.post(&format!("/api//identities/{id}/tokens"), scopes).await;
    assert_eq!(doubled.status, if api.is_hosted() { 404 } else { 200 });
}

async fn takes_a_chunked_body_or_fails_before_anything_happens(api: Api) {
    let head = "POST /api/identities HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked";
    let (status, body) = raw(address(&api), head, "2\r\n{}\r\n0\r\n\r\n").await;
    let forwards = api.is_hosted_by(Generation::Forwarding);
    // A forwarding host fails by itself: it copies the header and not the body.
    assert_eq!(status, if forwards { 500 } else { 201 }, "{body}");
    assert_eq!(api.upstream_calls().await, u64::from(!forwards));
}

async fn answers_head(api: Api) {
    let head = Answer::of(api.request("HEAD", "/api/health")).await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    // A method that a function does not list is 404 at the host, and 405 without one.
    let other = Answer::of(api.request("HEAD", "/api/identities")).await;
    assert_eq!(other.status, if api.is_hosted() { 404 } else { 405 });
}

async fn refuses_a_compressed_body(api: Api) {
    let gzip = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xab, 0xae, 5, 0, 0x43, 0xbf, 0xa6, 0xa3, 2, 0, 0, 0];
    let request = api.request("POST", "/api/identities").header("content-type", "application/json");
    let answer = Answer::of(request.header("content-encoding", "gzip").body(gzip.to_vec())).await;
    let detail = "The body is compressed. Send it as it is, without Content-Encoding.";
    let title = "The body is not application/json";
    answer.assert_problem(415, "unsupported-media-type", title, detail, &[]);
    assert_eq!(api.upstream_calls().await, 0);
}

async fn keeps_repeated_query_keys_out_of_the_way(api: Api) {
    api.post("/api/identities?a=1&a=2&code=x&code=y", "{}").await.assert_ok(201);
}

#[tokio::test]
async fn refuses_ids_that_a_host_would_not_pass_on() {
    let api = Api::direct().await;
    let detail = "The path holds no ACS identity id. One looks like 8:acs:<resource guid>_<user guid>.";
    for id in ["8:acs:a_b%00", "%FF"] {
        let answer = api.post(&format!("/api/identities/{id}/tokens"), r#"{"scopes":["voip"]}"#).await;
        answer.assert_problem(400, "invalid-identity-id", "Not an identity id", detail, &[]);
    }
}

#[tokio::test]
async fn logs_the_hosts_invocation_id_and_no_key() {
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
async fn a_host_that_wraps_requests_is_told_how_to_pass_them_on() {
    let api = Api::hosted(Generation::Neither).await;
    let answer = api.post("/api/identities", r#"{"createTokenWithScopes":["voip"]}"#).await;
    // The host makes a bare 500 of whatever is no success.
    assert_eq!((answer.status, answer.body.as_str()), (500, ""));
    let said = |text: &str| text.contains("host-not-forwarding") && text.contains("enableForwardingHttpRequest");
    api.host().until("the line", |host| host.log_lines().iter().any(|line| said(&line.text))).await;
    assert_eq!(api.upstream_calls().await, 0);
}

#[tokio::test]
async fn nothing_that_was_answered_is_lost_when_the_handler_is_killed() {
    let api = Api::hosted(Generation::Proxying).await;
    let mut answered = Vec::new();
    // A third end would stop the host.
    for kills in 1..=2 {
        // Two calls are answered, two hang at ACS while the handler is killed under them.
        api.control("POST", "faults", Some(json!({ "skip": 2, "times": 2, "delayMs": 5000 }))).await;
        answered.push(api.post("/api/identities", "{}").await);
        answered.push(api.post("/api/identities", "{}").await);
        let before = api.upstream_calls().await;
        let kill = async {
            while api.upstream_calls().await < before + 2 {
                tokio::task::yield_now().await;
            }
            api.host().kill_worker();
        };
        let (one, other, ()) = tokio::join!(api.post("/api/identities", "{}"), api.post("/api/identities", "{}"), kill);
        assert_eq!((one.status, other.status), (500, 500));
        api.host().until("the end", |host| host.exit_events().len() == kills).await;
    }
    // The host starts it anew, and it serves at once: it has kept nothing that it would need.
    answered.push(api.post("/api/identities", "{}").await);
    let state = api.control("GET", "state", None).await;
    let known: Vec<&Value> = state["identities"].as_array().unwrap().iter().map(|identity| &identity["id"]).collect();
    for answer in answered {
        assert!(known.contains(&&answer.json()["identity"]["id"]), "{answer:?} is lost");
    }
}

#[tokio::test]
async fn a_function_timeout_kills_the_handler_and_the_next_request_finds_a_new_one() {
    let timeout = [("AzureFunctionsJobHost__functionTimeout", "00:00:01")];
    let api = Api::hosted_with(Generation::Proxying, None, &timeout).await;
    api.control("POST", "faults", Some(json!({ "delayMs": 5000 }))).await;
    let answer = api.post("/api/identities", "{}").await;
    assert_eq!((answer.status, answer.body.as_str()), (500, ""));
    api.post("/api/identities", "{}").await.assert_ok(201);
}

#[tokio::test]
async fn a_handler_that_cannot_start_says_why_and_the_host_gives_up() {
    let wrong = [("COMMUNICATION_SERVICES_API_VERSION", "latest")];
    let api = Api::hosted_with(Generation::Proxying, None, &wrong).await;
    api.host().until("the end", |host| host.exit_events().len() == 3).await;
    let ends = api.host().exit_events();
    assert!(ends.iter().all(|end| end.code == Some(1)), "{ends:?}");
    assert_eq!(ends[2].reaction, Reaction::HostStopped);
    let said = |text: &str| text.contains("COMMUNICATION_SERVICES_API_VERSION: not an api-version");
    assert!(api.host().log_lines().iter().any(|line| said(&line.text) && line.severity == Severity::Information));
}
