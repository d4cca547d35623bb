//! `acs-tokens serve`: graceful shutdown, and limits on connections.

mod limits;
mod urls;

use std::time::Duration;

use acs_identity::http::client_builder;
use acs_tokens::server::{self, Limits};
use tokio::{net::TcpListener, sync::mpsc};

#[cfg(unix)]
#[tokio::test]
async fn open_requests_finish_after_sigterm() {
    use serde_json::json;

    use crate::{
        harness::Api,
        process::{Running, cli, until},
    };

    let api = Api::direct().await;
    let environment = [
        ("COMMUNICATION_SERVICES_CONNECTION_STRING", &*api.connection_string()),
        ("ALLOW_ANONYMOUS", "true"),
        ("PORT", "0"),
    ];
    let mut running = Running::start(cli(&["serve"], &environment));
    let lines = running.until(|line| line.contains(r#""message":"serving""#)).await;
    let log: serde_json::Value = serde_json::from_str(lines.last().unwrap()).unwrap();
    let base = format!("http://{}", log["address"].as_str().unwrap());

    api.control("POST", "faults", Some(json!({ "delayMs": 1500 }))).await;
    let http = client_builder().build().unwrap();
    let create = http.post(format!("{base}/api/identities")).header("content-type", "application/json").body("{}");
    let create = tokio::spawn(create.send());
    until("the call to ACS", async || api.upstream_calls().await > 0).await;
    running.terminate().await;
    running.until(|line| line.contains("stopping")).await;
    // New connections are refused.
    assert!(client_builder().build().unwrap().get(format!("{base}/api/health")).send().await.is_err());
    assert_eq!(create.await.unwrap().unwrap().status(), 201);
    assert_eq!(running.ended().await, Some(0));
}

#[tokio::test]
async fn shutdown_drops_requests_that_take_too_long() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let (arrived, mut arrival) = mpsc::unbounded_channel();
    let forever = move || {
        arrived.send(()).unwrap();
        std::future::pending::<()>()
    };
    let app = axum::Router::new().route("/", axum::routing::get(forever));
    let shutdown = async move { arrival.recv().await.unwrap() };
    let limits = Limits { grace: Duration::from_millis(50), ..Limits::default() };
    let served = server::run(listener, app, limits, shutdown);
    let asked = tokio::spawn(client_builder().build().unwrap().get(base).send());
    tokio::time::timeout(Duration::from_secs(20), served).await.unwrap();
    // Its connection is closed, not only left behind.
    assert!(asked.await.unwrap().is_err());
}
