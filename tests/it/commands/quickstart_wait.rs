//! `acs-tokens quickstart --url` waits until the app is ready.

use std::sync::{Arc, Mutex};

use acs_identity::ConnectionString;
use acs_tokens::{acs_client::AcsSettings, auth::BackendAuth, functions::Services, http::Api as ServiceApi};
use axum::{
    Router,
    extract::Request,
    middleware::{Next, from_fn},
    response::{IntoResponse as _, Response},
};
use http::{StatusCode, header::LOCATION};
use serde_json::json;
use tokio::net::TcpListener;

use super::{TRANSCRIPT, masked};
use crate::{
    harness::{self, Api},
    process::{cli, free_port, run},
};

const DENIED: &str = "ACS did not accept this service's credential. The service's log has the details. A new role \
    assignment takes up to 10 minutes; if this lasts longer, the log of the app names the cause and the remedy";

/// Serves the functions behind a front end that answers `health` itself with each of these responses first.
async fn app(first: Vec<Response>) -> String {
    let (_, connection_string) = harness::emulator().await;
    let settings: AcsSettings = connection_string.parse::<ConnectionString>().unwrap().into();
    let services = Services::open(settings.client().unwrap(), None).unwrap();
    let first = Arc::new(Mutex::new(first.into_iter()));
    let front_end = from_fn(move |request: Request, next: Next| {
        let is_health = request.uri().path() == "/api/health";
        let scripted = is_health.then(|| first.lock().unwrap().next()).flatten();
        async move {
            match scripted {
                Some(response) => response,
                None => next.run(request).await,
            }
        }
    });
    serve(ServiceApi::new(services, BackendAuth::Anyone).into_router().layer(front_end)).await
}

async fn serve(app: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    base
}

fn not_ready() -> Response {
    let detail = "ACS did not accept this service's credential. The service's log has the details.";
    let body = json!({ "code": "not-ready", "status": 503, "title": "Not ready", "detail": detail });
    (StatusCode::SERVICE_UNAVAILABLE, body.to_string()).into_response()
}

#[tokio::test]
async fn app_that_becomes_ready_is_waited_for_and_each_reason_is_printed_once() {
    let base = app(vec![StatusCode::NOT_FOUND.into_response(), not_ready(), not_ready()]).await;
    let (code, stdout, stderr) = run(cli(&["quickstart", "--url", &base], &[])).await;
    let waiting = format!("Waiting 10m at most for {base}/api/health?ready: ");
    let expected = format!(
        "{waiting}the answer is 404 Not Found. The package is not deployed yet, or --url is not the address of this \
         service\n{waiting}{DENIED}\n"
    );
    assert_eq!((code, masked(&stdout).as_str(), stderr), (0, TRANSCRIPT, expected));
}

#[tokio::test]
async fn app_that_never_becomes_ready_ends_with_the_cause_and_a_remedy() {
    let api = Api::direct().await;
    let denied = json!({ "status": 401, "body": r#"{"error":{"code":"Denied","message":"Denied."}}"# });
    api.control("POST", "faults", Some(json!({ "times": 100, "answer": denied }))).await;
    let (code, stdout, stderr) = run(cli(&["quickstart", "--url", &api.base, "--wait", "2s"], &[])).await;
    let expected = format!(
        "Waiting 2s at most for {}/api/health?ready: {DENIED}\nerror: the app is not ready after 2s: {DENIED}\n",
        api.base
    );
    assert_eq!((code, stdout.as_str(), stderr), (1, "", expected));
}

#[tokio::test]
async fn each_obstacle_has_its_sentence() {
    const DEPLOY: &str = "The package is not deployed yet, or --url is not the address of this service";
    const START: &str = "The host of the app is starting, or cannot start it: see the log of the app";
    const ACCESS: &str = "Turn off the app's authentication and access restrictions for /api/health";
    const REDIRECT: &str = "Use the address that the redirect names as --url";
    const ADDRESS: &str = "Compare --url with the address of the app";
    for (status, passing, remedy) in [
        (404, true, DEPLOY),
        (429, true, START),
        (500, true, START),
        (503, true, START),
        (401, false, ACCESS),
        (403, false, ACCESS),
        (307, false, REDIRECT),
        (200, false, ADDRESS),
        (410, false, ADDRESS),
    ] {
        let status = StatusCode::from_u16(status).unwrap();
        let base = app((0..2).map(|_| (status, [(LOCATION, "/")], "<html>").into_response()).collect()).await;
        // Waiting ends at once where it cannot help.
        let limit = if passing { "0s" } else { "10m" };
        let (code, stdout, stderr) = run(cli(&["quickstart", "--url", &base, "--wait", limit], &[])).await;
        let after = if passing { " after 0s" } else { "" };
        let expected = format!("error: the app is not ready{after}: the answer is {status}. {remedy}\n");
        assert_eq!((code, stdout.as_str(), stderr), (1, "", expected), "{status}");
    }
    let closed = format!("http://{}", free_port().await);
    let (code, _, stderr) = run(cli(&["quickstart", "--url", &closed, "--wait", "0s"], &[])).await;
    let (start, end) = ("error: the app is not ready after 0s: ", format!(". {ADDRESS}\n"));
    assert!(code == 1 && stderr.starts_with(start) && stderr.ends_with(&end), "{stderr}");
}

#[tokio::test]
async fn limit_that_is_no_duration_is_refused() {
    for limit in ["600", "-5s", "soon"] {
        let wait = format!("--wait={limit}");
        let (code, _, stderr) = run(cli(&["quickstart", "--url", "http://127.0.0.1:1", &wait], &[])).await;
        assert_eq!(code, 2);
        assert!(stderr.contains("not a duration; write a number and a unit, such as 10m or 90s"), "{stderr}");
    }
}
