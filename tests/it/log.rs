//! The log: one flat line of JSON a request, with all an operator asks for and nothing that is secret.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{
    harness::{self, Answer, FOREIGN_ID},
    process::{Running, free_port, handler, ready},
};

const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// The real `handler`, whose log is read, in front of an emulator.
struct Logged {
    running: Running,
    base: String,
    emulator: String,
    http: reqwest::Client,
}

impl Logged {
    async fn start(settings: &[(&str, &str)]) -> Self {
        let (emulator, connection_string) = harness::emulator().await;
        let address = free_port().await;
        let port = address.port().to_string();
        let own = [
            ("FUNCTIONS_CUSTOMHANDLER_PORT", &*port),
            ("COMMUNICATION_SERVICES_CONNECTION_STRING", &*connection_string),
        ];
        // A setting of the test comes last and counts.
        let running = Running::start(handler(&[&own, settings].concat()));
        let base = format!("http://{address}");
        ready(&base).await;
        Self { running, base, emulator, http: reqwest::Client::builder().build().unwrap() }
    }

    fn request(&self, method: &str, path: &str, body: &'static str) -> reqwest::RequestBuilder {
        let request = self.http.request(method.parse().unwrap(), format!("{}{path}", self.base));
        request.header("content-type", "application/json").body(body)
    }

    async fn fault(&self, fault: Value) {
        let request = self.http.post(format!("{}/_emulator/faults", self.emulator));
        let request = request.header("content-type", "application/json").body(fault.to_string());
        assert!(request.send().await.unwrap().status().is_success());
    }

    /// The next request's line.
    async fn line(&mut self) -> Value {
        let lines = self.running.until(|line| line.contains(r#""message":"request""#)).await;
        serde_json::from_str(lines.last().unwrap()).unwrap()
    }
}

fn names(line: &Value) -> Vec<&str> {
    line.as_object().unwrap().keys().map(String::as_str).collect()
}

fn short_hash(id: &str) -> String {
    Sha256::digest(id).iter().take(6).fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

#[tokio::test]
async fn a_request_is_one_flat_line() {
    let mut logged = Logged::start(&[]).await;
    let request = logged.request("POST", "/api/identities", "{}").header("traceparent", TRACEPARENT);
    let answer = Answer::of(request.header("x-request-id", "from-the-caller")).await;
    let line = logged.line().await;
    let fields = [
        "acs_status",
        "duration_ms",
        "function",
        "identity",
        "level",
        "message",
        "method",
        "ms_cv",
        "parent_id",
        "request_id",
        "route",
        "span_id",
        "status",
        "target",
        "timestamp",
        "trace_flags",
        "trace_id",
        "tries",
        "upstream_ms",
    ];
    assert_eq!(names(&line), fields);
    let id = answer.json()["identity"]["id"].as_str().unwrap().to_owned();
    for (name, value) in [
        ("acs_status", json!(201)),
        ("function", json!("create-identity")),
        ("identity", json!(short_hash(&id))),
        ("level", json!("INFO")),
        ("method", json!("POST")),
        ("parent_id", json!("b7ad6b7169203331")),
        ("request_id", json!("from-the-caller")),
        ("route", json!("/api/identities")),
        ("status", json!(201)),
        ("trace_flags", json!("01")),
        ("trace_id", json!("0af7651916cd43dd8448eb211c80319c")),
        ("tries", json!(1)),
    ] {
        assert_eq!(line[name], value, "{name}");
    }
    let (total, upstream) = (line["duration_ms"].as_f64().unwrap(), line["upstream_ms"].as_f64().unwrap());
    assert!(total >= upstream && upstream > 0.0, "{line}");
    assert!(line["timestamp"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok(), "{line}");
    assert!(!line.to_string().contains(&id));
}

#[tokio::test]
async fn a_failed_call_has_its_cause_and_remedy() {
    let mut logged = Logged::start(&[]).await;
    let path = format!("/api/identities/{FOREIGN_ID}/tokens");
    let ms_cv = "bm90aGluZw.0";
    for (fault, expected) in [
        (
            json!({"answer": {"status": 401, "headers": {"MS-CV": ms_cv},
                "body": r#"{"error":{"code":"Denied","message":"Denied by the resource provider."}}"#}}),
            json!({"acs_code": "Denied", "acs_status": 401, "code": "misconfigured", "function": "revoke-tokens",
                "level": "ERROR", "ms_cv": ms_cv, "route": "/api/identities/{id}/tokens", "status": 502, "tries": 1,
                "cause": "ACS answered 401 Unauthorized: Denied by the resource provider."}),
        ),
        (
            json!({"answer": {"status": 401, "headers": {"date": "Wed, 13 Apr 2022 18:09:12 GMT"}}}),
            json!({"acs_code": "Unauthorized", "level": "ERROR", "remedy": "set the clock and synchronize it with NTP"}),
        ),
        (
            json!({"times": 3, "reset": true}),
            json!({"code": "upstream-failed", "level": "WARN", "status": 502, "tries": 3}),
        ),
    ] {
        logged.fault(fault).await;
        let answer = Answer::of(logged.request("DELETE", &path, "")).await;
        let line = logged.line().await;
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(&line[name], value, "{line}");
        }
        assert_eq!(line["request_id"], answer.header("x-request-id"));
        assert_eq!(line["identity"], short_hash(FOREIGN_ID));
        let remedy = line["remedy"].as_str().unwrap();
        assert!(!line["likely_cause"].as_str().unwrap().is_empty() && !answer.body.contains(remedy), "{line}");
    }
    // The caller's own mistake: a line, and nothing for the operator to do.
    logged.request("POST", "/api/identities", "{").send().await.unwrap();
    let line = logged.line().await;
    assert_eq!(
        (&line["level"], &line["code"], &line["status"]),
        (&json!("INFO"), &json!("malformed-json"), &json!(400))
    );
    assert!(line["remedy"].is_null() && line["tries"].is_null(), "{line}");
}

#[tokio::test]
async fn whole_ids_are_logged_only_where_asked_for() {
    let mut logged = Logged::start(&[("LOG_IDENTITY_IDS", "true")]).await;
    logged.request("DELETE", &format!("/api/identities/{FOREIGN_ID}"), "").send().await.unwrap();
    assert_eq!(logged.line().await["identity"], FOREIGN_ID);
}

#[tokio::test]
async fn a_quiet_log_loses_no_field() {
    let mut logged = Logged::start(&[("RUST_LOG", "error")]).await;
    logged.request("POST", "/api/identities", "{}").send().await.unwrap();
    logged.fault(json!({"answer": {"status": 403}})).await;
    logged.request("POST", "/api/identities", "{}").header("traceparent", TRACEPARENT).send().await.unwrap();
    let line = logged.line().await;
    assert_eq!((&line["acs_status"], &line["tries"]), (&json!(403), &json!(1)));
    assert_eq!(line["trace_id"], "0af7651916cd43dd8448eb211c80319c");
}
