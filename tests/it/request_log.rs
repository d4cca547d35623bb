//! The request log: one flat JSON line for each request, on every way a request can end, and without secrets.

mod endings;
mod records;

use acs_identity::http::client_builder;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{
    docs::costs,
    harness::{self, Answer, FOREIGN_ID},
    process::{Running, cli, free_port, handler, ready},
};

const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// A program that serves the functions and an emulator.
struct Service {
    running: Running,
    base: String,
    emulator: String,
    http: reqwest::Client,
}

impl Service {
    /// Starts `handler`.
    async fn handler(settings: &[(&str, &str)]) -> Self {
        let (emulator, connection_string) = harness::emulator().await;
        Self::handler_for(emulator, &connection_string, settings).await
    }

    async fn handler_for(emulator: String, connection_string: &str, settings: &[(&str, &str)]) -> Self {
        let address = free_port().await;
        let port = address.port().to_string();
        let own =
            [("FUNCTIONS_CUSTOMHANDLER_PORT", &*port), ("COMMUNICATION_SERVICES_CONNECTION_STRING", connection_string)];
        let running = Running::start(handler(&[&own, settings].concat()));
        let base = format!("http://{address}");
        ready(&base).await;
        Self { running, base, emulator, http: client_builder().build().unwrap() }
    }

    /// Starts `acs-tokens serve`.
    async fn server(settings: impl FnOnce(&str) -> Vec<(&'static str, String)>) -> Self {
        let (emulator, connection_string) = harness::emulator().await;
        let settings = settings(&emulator);
        let connection_string = ("COMMUNICATION_SERVICES_CONNECTION_STRING", &*connection_string);
        let mut environment: Vec<_> = settings.iter().map(|(name, value)| (*name, &**value)).collect();
        environment.push(connection_string);
        let mut running = Running::start(cli(&["serve", "--port", "0"], &environment));
        let lines = running.until(|line| line.contains("\"address\"")).await;
        let line: Value = serde_json::from_str(lines.last().unwrap()).unwrap();
        let base = format!("http://{}", line["address"].as_str().unwrap());
        Self { running, base, emulator, http: client_builder().build().unwrap() }
    }

    fn request(&self, method: &str, path: &str, body: &Value) -> reqwest::RequestBuilder {
        let request = self.http.request(method.parse().unwrap(), format!("{}{path}", self.base));
        let request = request.header("content-type", "application/json");
        if body.is_null() { request } else { request.body(body.to_string()) }
    }

    /// Sends a request to the emulator's control API.
    async fn control(&self, path: &str, body: Value) -> Value {
        let request = self.http.post(format!("{}/_emulator/{path}", self.emulator));
        let response = request.header("content-type", "application/json").body(body.to_string()).send().await.unwrap();
        assert!(response.status().is_success());
        serde_json::from_str(&response.text().await.unwrap()).unwrap_or_default()
    }

    /// Returns the lines up to the next one that ends a request.
    async fn lines(&mut self) -> Vec<Value> {
        let lines = self.running.until(|line| line.contains("\"duration_ms\"")).await;
        for line in &lines {
            assert_eq!(line.matches("\"request_id\"").count(), 1, "{line}");
        }
        lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Returns the next line, which ends a request.
    async fn line(&mut self) -> Value {
        let lines = self.lines().await;
        assert_eq!(lines.len(), 1, "{lines:#?}");
        lines.into_iter().next().unwrap()
    }
}

fn short_hash(id: &str) -> String {
    Sha256::digest(id).iter().take(6).fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// Asserts some fields of a line. `null` stands for a missing field.
#[track_caller]
fn assert_fields(line: &Value, expected: &Value) {
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&line[name], value, "{name} in {line}");
    }
}

#[tokio::test]
async fn request_is_one_flat_line() {
    let mut service = Service::handler(&[]).await;
    let request = service.request("POST", "/api/identities", &json!({})).header("traceparent", TRACEPARENT);
    let answer = Answer::of(request.header("x-request-id", "from-the-caller")).await;
    let line = service.line().await;
    let names: Vec<&str> = line.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = "acs_status action caller duration_ms function identity level message method ms_cv outcome parent_id \
                    request_id route span_id status target timestamp trace_flags trace_id tries upstream_ms";
    assert_eq!(names.join(" "), expected);
    let id = answer.json()["identity"]["id"].as_str().unwrap().to_owned();
    assert_fields(
        &line,
        &json!({
            "acs_status": 201, "action": "create-identity", "caller": "host", "function": "create-identity",
            "identity": short_hash(&id), "level": "INFO", "message": "created identity", "method": "POST",
            "outcome": "done", "parent_id": "b7ad6b7169203331", "request_id": "from-the-caller",
            "route": "/api/identities", "status": 201, "target": "acs_tokens::request_log", "trace_flags": "01",
            "trace_id": "0af7651916cd43dd8448eb211c80319c", "tries": 1,
        }),
    );
    let (total, upstream) = (line["duration_ms"].as_f64().unwrap(), line["upstream_ms"].as_f64().unwrap());
    assert!(total >= upstream && upstream > 0.0, "{line}");
    assert!(line["timestamp"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok(), "{line}");
    assert!(!line.to_string().contains(&id));
}

#[tokio::test]
async fn failed_call_has_cause_and_remedy() {
    let mut service = Service::handler(&[]).await;
    let path = format!("/api/identities/{FOREIGN_ID}/tokens");
    let ms_cv = "bm90aGluZw.0";
    for (fault, expected) in [
        (
            json!({"answer": {"status": 401, "headers": {"MS-CV": ms_cv},
                "body": r#"{"error":{"code":"Denied","message":"Denied by the resource provider."}}"#}}),
            json!({"acs_code": "Denied", "acs_status": 401, "code": "misconfigured", "function": "revoke-tokens",
                "level": "ERROR", "message": "failed request", "ms_cv": ms_cv, "outcome": "misconfigured",
                "route": "/api/identities/{id}/tokens", "status": 502, "tries": 1,
                "cause": "ACS answered 401 Unauthorized: Denied by the resource provider."}),
        ),
        (
            // No recording has the error code of ACS for a wrong clock.
            json!({"times": 3, "answer": {"status": 401, "headers": {"date": "Wed, 13 Apr 2022 18:09:12 GMT"}}}),
            json!({"acs_code": "Unauthorized", "code": "upstream-failed", "tries": 3, "remedy": "set the clock and synchronize it with NTP"}),
        ),
        (
            json!({"times": 3, "reset": true}),
            json!({"code": "upstream-failed", "level": "WARN", "status": 502, "tries": 3}),
        ),
    ] {
        service.control("faults", fault).await;
        let answer = Answer::of(service.request("DELETE", &path, &Value::Null)).await;
        let line = service.line().await;
        assert_fields(&line, &expected);
        let (id, identity) = (answer.header("x-request-id"), short_hash(FOREIGN_ID));
        assert_fields(&line, &json!({ "request_id": id, "identity": identity }));
        let remedy = line["remedy"].as_str().unwrap();
        assert!(!line["likely_cause"].as_str().unwrap().is_empty() && !answer.body.contains(remedy), "{line}");
    }
}

#[tokio::test]
async fn identity_ids_are_hashed_by_default() {
    for (setting, logged) in [("false", short_hash(FOREIGN_ID)), ("true", FOREIGN_ID.to_owned())] {
        let mut service = Service::handler(&[("LOG_IDENTITY_IDS", setting)]).await;
        service.request("DELETE", &format!("/api/identities/{FOREIGN_ID}"), &Value::Null).send().await.unwrap();
        assert_eq!(service.line().await["identity"], logged);
    }
}

#[tokio::test]
async fn log_level_selects_lines_but_not_fields() {
    let mut service = Service::handler(&[("RUST_LOG", "error")]).await;
    service.request("POST", "/api/identities", &json!({})).send().await.unwrap();
    service
        .control("faults", json!({"answer": {"status": 403, "body": r#"{"error":{"code":"Denied","message":""}}"#}}))
        .await;
    let request = service.request("POST", "/api/identities", &json!({})).header("traceparent", TRACEPARENT);
    request.send().await.unwrap();
    let trace_id = "0af7651916cd43dd8448eb211c80319c";
    assert_fields(&service.line().await, &json!({ "acs_status": 403, "tries": 1, "trace_id": trace_id }));
}

#[tokio::test]
async fn the_line_of_a_token_has_the_size_that_the_costs_are_computed_with() {
    let mut service = Service::handler(&[]).await;
    let created = Answer::of(service.request("POST", "/api/identities", &json!({}))).await.json();
    service.line().await;
    let path = format!("/api/identities/{}/tokens", created["identity"]["id"].as_str().unwrap());
    service.request("POST", &path, &json!({ "scopes": ["chat.join", "voip.join"] })).send().await.unwrap();
    costs::assert_counted("line of the request", service.line().await.to_string().len());
}
