//! Timeouts, panics and cancelled requests have a line in the request log.

use std::sync::{Arc, Mutex};

use acs_identity::IdentityClient;
use axum::{Router, body::Body, middleware::from_fn_with_state, response::Response, routing::get};
use http::{Request, StatusCode, header};
use serde_json::{Value, json};
use tower::ServiceExt as _;
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

use super::{Api, DEADLINE, access, with_request_layer};
use crate::{
    access::AccessRules,
    auth::BackendAuth,
    functions::{FUNCTIONS, Function},
    request_log,
};

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

/// Returns a router with the layers of the service around a function that panics and one that never answers.
fn app() -> Router {
    let (authenticator, rules) = (BackendAuth::Anyone.into(), AccessRules::default());
    let access = Arc::new(access::AccessControl { authenticator, rules, pass_keys: None });
    let layer = |function: &'static Function| from_fn_with_state((access.clone(), function), access::layer);
    let router = Router::new()
        .route("/panics", get(panics).route_layer(layer(&FUNCTIONS[0])))
        .route("/hangs", get(std::future::pending::<()>).route_layer(layer(&FUNCTIONS[1])))
        .route("/empty", get(async || StatusCode::NO_CONTENT));
    with_request_layer(router, true)
}

/// Sends a request, for at most this many seconds. Returns the answer and the only line.
async fn send(app: Router, request: Request<Body>, seconds: u64) -> (Option<Response>, Value) {
    let lines = Collector::default();
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(lines.clone()));
    let answer = tokio::time::timeout(std::time::Duration::from_secs(seconds), app.oneshot(request)).await;
    let lines = lines.0.lock().unwrap();
    assert_eq!(lines.len(), 1, "{lines:?}");
    (answer.ok().map(Result::unwrap), lines[0].clone())
}

/// Requests a path of [`app`] and returns the line.
async fn line(path: &str, seconds: u64) -> Value {
    send(app(), Request::get(path).body(Body::empty()).unwrap(), seconds).await.1
}

#[tokio::test(start_paused = true)]
async fn every_ending_has_one_line() {
    let deadline = DEADLINE.as_secs();
    for (path, seconds, expected) in [
        (
            "/panics",
            deadline + 1,
            json!({
                "outcome": "internal", "status": 500, "level": "ERROR", "cause": "panicked: a message",
                "function": FUNCTIONS[0].name, "caller": "anyone", "action": FUNCTIONS[0].name,
            }),
        ),
        (
            "/hangs",
            deadline + 1,
            json!({
                "outcome": "upstream-timeout", "status": 504, "level": "WARN", "duration_ms": 25_000.0,
                "function": FUNCTIONS[1].name, "route": format!("/api/{}", FUNCTIONS[1].route), "caller": "anyone",
            }),
        ),
        (
            "/hangs",
            deadline - 1,
            json!({ "outcome": "cancelled", "status": null, "level": "INFO", "function": FUNCTIONS[1].name }),
        ),
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

#[tokio::test(start_paused = true)]
async fn body_that_does_not_arrive_ends_the_request() {
    let acs = "endpoint=https://contoso.example/;accesskey=cHc=".parse().unwrap();
    let acs = IdentityClient::from_connection_string(acs).unwrap();
    let app = Api::new(acs, BackendAuth::Anyone).into_router();
    // The sender is kept, so the body does not end.
    let (_sender, rest) = http_body_util::channel::Channel::<bytes::Bytes>::new(1);
    let request = Request::post("/api/identities").header(header::CONTENT_TYPE, "application/json");
    let (answer, line) = send(app, request.body(Body::new(rest)).unwrap(), DEADLINE.as_secs()).await;
    assert_eq!(answer.unwrap().status(), 408);
    assert_eq!((&line["function"], &line["outcome"]), (&"create-identity".into(), &"body-timeout".into()));
}

#[tokio::test]
async fn panic_is_a_problem_without_its_message() {
    let (answer, _) = send(app(), Request::get("/panics").body(Body::empty()).unwrap(), 1).await;
    let body = axum::body::to_bytes(answer.unwrap().into_body(), 1024).await.unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((&body["code"], &body["status"]), (&"internal".into(), &500.into()));
    let text = body.to_string();
    assert!(!text.contains("a message") && !text.contains("::") && !text.contains("Box"), "{text}");
}

#[tokio::test]
async fn answer_without_content_has_no_length() {
    let request = Request::get("/empty").body(Body::empty()).unwrap();
    let answer = send(app(), request, 1).await.0.unwrap();
    assert_eq!(answer.status(), 204);
    assert_eq!(answer.headers().get(header::CONTENT_LENGTH), None);
    assert!(axum::body::to_bytes(answer.into_body(), 1).await.unwrap().is_empty());
}
