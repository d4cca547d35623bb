//! Timeouts, panics and cancelled requests have a line in the request log.

use std::sync::{Arc, Mutex};

use axum::{Router, body::Body, routing::get};
use http::Request;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

use super::{DEADLINE, with_layers};
use crate::request_log;

/// Collects the lines that end requests, with their level.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<Value>>>);

impl<S: Subscriber> Layer<S> for Collector {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().name() == request_log::SUMMARY {
            let mut line = request_log::with_current(|log| serde_json::to_value(log.unwrap()).unwrap());
            line["level"] = event.metadata().level().as_str().into();
            self.0.lock().unwrap().push(line);
        }
    }
}

async fn panics() -> &'static str {
    panic!("a message")
}

/// Sends a request for a path, for at most this many seconds, and returns the only line.
async fn line(path: &str, seconds: u64) -> Value {
    let lines = Collector::default();
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(lines.clone()));
    let app = with_layers(Router::new().route("/panics", get(panics)).route("/hangs", get(std::future::pending::<()>)));
    let request = Request::get(path).body(Body::empty()).unwrap();
    let _ = tokio::time::timeout(std::time::Duration::from_secs(seconds), app.oneshot(request)).await;
    let lines = lines.0.lock().unwrap();
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines[0].clone()
}

#[tokio::test(start_paused = true)]
async fn every_ending_has_one_line() {
    let deadline = DEADLINE.as_secs();
    for (path, seconds, expected) in [
        (
            "/panics",
            deadline + 1,
            json!({ "outcome": "internal", "status": 500, "level": "ERROR", "cause": "panicked: a message" }),
        ),
        (
            "/hangs",
            deadline + 1,
            json!({ "outcome": "upstream-timeout", "status": 504, "level": "WARN", "duration_ms": 25_000.0 }),
        ),
        ("/hangs", deadline - 1, json!({ "outcome": "cancelled", "status": null, "level": "INFO" })),
        ("/", deadline, json!({ "outcome": "done", "status": 404, "level": "DEBUG" })),
    ] {
        let line = line(path, seconds).await;
        for (name, value) in expected.as_object().unwrap() {
            let (found, expected) = (&line[name], value);
            // The clock of durations is not paused.
            assert!(found == expected || name == "duration_ms", "{name} in {line}");
        }
        assert_eq!(line["method"], "GET");
        assert!(!line["request_id"].as_str().unwrap().is_empty());
    }
}
