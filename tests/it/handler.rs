//! The real `handler`, as the Functions host starts it.

use acs_identity::http::client_builder;
use serde_json::Value;
use tokio::net::TcpListener;

use crate::{
    harness,
    process::{Running, free_port, handler, ready, run, until},
};

const KEY: &str = "c2VjcmV0LXNlY3JldC1zZWNyZXQ=";

#[tokio::test]
async fn serves_on_the_port_of_the_host_and_logs_json() {
    let (_, connection_string) = harness::emulator().await;
    let address = free_port().await;
    let port = address.port().to_string();
    let settings =
        [("FUNCTIONS_CUSTOMHANDLER_PORT", &*port), ("COMMUNICATION_SERVICES_CONNECTION_STRING", &*connection_string)];
    let mut running = Running::start(handler(&settings));
    assert_eq!(ready(&format!("http://{address}/")).await.status(), 200);

    let http = client_builder().build().unwrap();
    let request = http
        .post(format!("http://{address}/api/identities?code=a-function-key"))
        .header("content-type", "application/json")
        .header("x-functions-key", "a-function-key")
        .header("x-azure-functions-invocationid", "0f8fad5b-d9cb-469f-a165-70867728950e")
        .body(r#"{"createTokenWithScopes":["voip"]}"#);
    let answer: Value = serde_json::from_slice(&request.send().await.unwrap().bytes().await.unwrap()).unwrap();
    let token = answer["accessToken"]["token"].as_str().unwrap();

    // The request of `/` by `ready` is logged at DEBUG.
    let lines = running.until(|line| line.contains("duration_ms")).await;
    let [line] = &lines[..] else { panic!("{lines:?}") };
    let log: Value = serde_json::from_str(line).unwrap();
    assert_eq!((&log["level"], &log["message"]), (&"INFO".into(), &"created identity".into()));
    assert_eq!(
        (&log["function"], &log["method"], &log["status"]),
        (&"create-identity".into(), &"POST".into(), &201.into())
    );
    assert_eq!(log["request_id"], "0f8fad5b-d9cb-469f-a165-70867728950e");
    assert!(log["duration_ms"].as_f64().unwrap() > 0.0);
    for secret in [token, "a-function-key", harness::access_key(&connection_string)] {
        assert!(!line.contains(secret), "{line}");
    }
}

#[tokio::test]
async fn exits_with_1_and_logs_all_errors_in_the_settings() {
    let settings = [
        ("FUNCTIONS_CUSTOMHANDLER_PORT", "no"),
        ("COMMUNICATION_SERVICES_ENDPOINT", "http://contoso.communication.azure.com"),
        ("COMMUNICATION_SERVICES_ACCESSKEY", KEY),
        ("COMMUNICATION_SERVICES_API_VERSION", "latest"),
    ];
    let (code, stdout, _) = run(handler(&settings)).await;
    assert_eq!(code, 1);
    let log: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((&log["level"], &log["message"]), (&"ERROR".into(), &"cannot start".into()));
    let lines =
        log["cause"].as_str().unwrap().lines().map(|line| line.split_once(':').map_or(line, |(name, _)| name.trim()));
    let names = [settings[0].0, settings[3].0, settings[1].0];
    assert_eq!(lines.collect::<Vec<_>>(), [&["invalid settings"], &names[..]].concat());
    assert!(!stdout.contains(KEY));
}

#[tokio::test]
async fn exits_with_1_if_the_port_is_in_use() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let connection_string = format!("endpoint=https://contoso.communication.azure.com/;accesskey={KEY}");
    let settings =
        [("FUNCTIONS_CUSTOMHANDLER_PORT", &*port), ("COMMUNICATION_SERVICES_CONNECTION_STRING", &*connection_string)];
    let (code, stdout, _) = run(handler(&settings)).await;
    assert_eq!(code, 1);
    assert!(stdout.contains("cannot start"), "{stdout}");
}

#[cfg(unix)]
#[tokio::test]
async fn finishes_open_requests_after_sigterm_and_lets_the_host_restart_it() {
    let api = harness::Api::direct().await;
    let address = free_port().await;
    let (port, connection_string) = (address.port().to_string(), api.connection_string());
    let settings =
        [("FUNCTIONS_CUSTOMHANDLER_PORT", &*port), ("COMMUNICATION_SERVICES_CONNECTION_STRING", &*connection_string)];
    let mut running = Running::start(handler(&settings));
    ready(&format!("http://{address}/")).await;
    api.control("POST", "faults", Some(serde_json::json!({ "delayMs": 1500 }))).await;
    let http = client_builder().build().unwrap();
    let create = http.post(format!("http://{address}/api/identities")).header("content-type", "application/json");
    let create = tokio::spawn(create.body("{}").send());
    until("the call to ACS", async || api.upstream_calls().await > 0).await;
    running.terminate().await;
    assert_eq!(create.await.unwrap().unwrap().status(), 201);
    // The host does not restart a handler that exits with 0.
    assert_eq!(running.ended().await, Some(143));
}
