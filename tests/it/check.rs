//! `acs-tokens check`: the report as text and as JSON.

mod directory;
mod issuers;
mod policy;
mod programs;
mod s3;

use serde_json::{Value, json};

use crate::{
    harness::{self, Api},
    process::{cli, free_port, run},
};

const RESOURCE: &str = "COMMUNICATION_SERVICES_CONNECTION_STRING";

/// Runs the command. Returns its exit code and the JSON report.
async fn check(environment: &[(&str, &str)]) -> (i32, Value) {
    check_for(&[], environment).await
}

/// Does the same with more arguments.
async fn check_for(arguments: &[&str], environment: &[(&str, &str)]) -> (i32, Value) {
    let arguments = [&["check", "--output", "json"], arguments].concat();
    let (code, stdout, _) = run(cli(&arguments, environment)).await;
    for secret in ["YWNzLXRva2Vucy", "d3Jvbmcgd3Jvbmc", "a-key-of-a-caller"] {
        assert!(!stdout.contains(secret), "{stdout}");
    }
    let report: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(report["ok"], json!(code == 0));
    (code, report)
}

/// Asserts the state of each check, and the exit code that follows from them. Returns the report.
async fn assert_states(environment: &[(&str, &str)], expected: [&str; 5]) -> Value {
    let (code, report) = check(environment).await;
    let names = ["name", "answer", "clock", "credential", "api-version"];
    assert_eq!(states(&report, &names), names.into_iter().zip(expected).collect::<Vec<_>>());
    assert_eq!(code, i32::from(expected.contains(&"failed")));
    report
}

/// Returns the names and states of the checks with one of these names.
fn states<'a>(report: &'a Value, names: &[&str]) -> Vec<(&'a str, &'a str)> {
    let checks = report["checks"].as_array().unwrap().iter();
    let checks = checks.map(|check| (check["name"].as_str().unwrap(), check["state"].as_str().unwrap()));
    checks.filter(|(name, _)| names.contains(name)).collect()
}

fn remedy<'a>(report: &'a Value, name: &str) -> &'a str {
    let checks = report["checks"].as_array().unwrap();
    checks.iter().find(|check| check["name"] == name).unwrap()["remedy"].as_str().unwrap()
}

#[tokio::test]
async fn reports_settings_that_work() {
    let api = Api::direct().await;
    let connection_string = api.connection_string();
    let environment = [(RESOURCE, &*connection_string), ("CALLER_KEYS", "web=a-key-of-a-caller"), ("RUST_LOG", "info")];
    let (code, stdout, stderr) = run(cli(&["check"], &environment)).await;
    assert_eq!((code, &*stderr), (0, ""), "{stdout}");
    let endpoint = connection_string.trim_start_matches("endpoint=").split(';').next().unwrap();
    for line in [
        "Settings, from the environment",
        "  ok      COMMUNICATION_SERVICES_CONNECTION_STRING    (set; not shown)",
        "  -       COMMUNICATION_SERVICES_ENDPOINT             (not set)",
        "  ok      RUST_LOG                                    info",
        &format!("ACS at {endpoint}"),
        "  ok      name          127.0.0.1 resolves to 127.0.0.1",
        "  ok      credential    accepted",
        "  ok      api-version   2025-06-30 is accepted, and ACS lists it",
        "No problems found.",
    ] {
        assert!(stdout.lines().any(|other| other == line), "{line}\n{stdout}");
    }

    let report = assert_states(&environment, ["ok"; 5]).await;
    assert_eq!(report["endpoint"], endpoint);
    assert_eq!(report["settings"][0], json!({"name": RESOURCE, "source": "environment", "value": null, "faults": []}));
    assert_eq!(api.control("GET", "state", None).await["identities"], json!([]), "the check creates no identity");
}

#[tokio::test]
async fn reports_a_wrong_key_with_its_remedy() {
    let (address, _) = harness::emulator().await;
    let connection_string = format!("endpoint={address}/;accesskey=d3Jvbmcgd3Jvbmc=");
    let report = assert_states(&[(RESOURCE, &connection_string)], ["ok", "ok", "ok", "failed", "unknown"]).await;
    let remedy = remedy(&report, "credential");

    let (code, stdout, stderr) = run(cli(&["check"], &[(RESOURCE, &connection_string)])).await;
    assert_eq!((code, &*stderr), (1, "error: 1 problem found\n"));
    assert!(stdout.contains("\n  FAILED  credential    "), "{stdout}");
    assert!(stdout.contains(&format!("\n                        remedy: {remedy}")), "{stdout}");
}

#[tokio::test]
async fn reports_a_wrong_clock() {
    let api = Api::direct().await;
    let date = json!({"date": "Wed, 13 Apr 2022 18:09:12 GMT"});
    let body = r#"{"error":{"code":"Denied","message":"The time difference is greater than allowed."}}"#;
    api.control("POST", "faults", Some(json!({"answer": {"status": 401, "headers": date, "body": body}}))).await;
    let environment = [(RESOURCE, &*api.connection_string())];
    let report = assert_states(&environment, ["ok", "ok", "failed", "failed", "unknown"]).await;
    assert!(remedy(&report, "credential").contains("clock"), "{report}");
}

#[tokio::test]
async fn reports_an_unreachable_endpoint() {
    let unused = format!("endpoint=http://{}/;accesskey=d3Jvbmcgd3Jvbmc=", free_port().await);
    assert_states(&[(RESOURCE, &unused)], ["ok", "failed", "unknown", "unknown", "unknown"]).await;
    // RFC 6761 section 6.4: this name never resolves.
    let unknown = "endpoint=https://acs-tokens.invalid/;accesskey=d3Jvbmcgd3Jvbmc=";
    assert_states(&[(RESOURCE, unknown)], ["failed", "failed", "unknown", "unknown", "unknown"]).await;
}

#[tokio::test]
async fn reports_an_unsupported_api_version() {
    let (_, connection_string) = harness::emulator().await;
    let environment = [(RESOURCE, &*connection_string), ("COMMUNICATION_SERVICES_API_VERSION", "2020-01-01")];
    let report = assert_states(&environment, ["ok", "ok", "ok", "unknown", "failed"]).await;
    assert!(remedy(&report, "api-version").contains("2025-06-30"), "{report}");
}

#[tokio::test]
async fn reports_a_failing_acs() {
    let api = Api::direct().await;
    api.control("POST", "faults", Some(json!({"times": 3, "answer": {"status": 503}}))).await;
    let environment = [(RESOURCE, &*api.connection_string())];
    assert_states(&environment, ["ok", "failed", "ok", "unknown", "unknown"]).await;
}

#[tokio::test]
async fn reports_a_missing_token_file() {
    let environment = [
        ("COMMUNICATION_SERVICES_ENDPOINT", "https://127.0.0.1:1"),
        ("COMMUNICATION_SERVICES_CREDENTIAL", "workload-identity"),
        ("AZURE_CLIENT_ID", "2c3e1e83-8fd7-4615-ad2b-b8c1229845ac"),
        ("AZURE_TENANT_ID", "32c0a5db-05ec-78ea-51ab-3f06b329397e"),
        ("AZURE_FEDERATED_TOKEN_FILE", "/there/is/none"),
    ];
    let report = assert_states(&environment, ["ok", "unknown", "unknown", "failed", "unknown"]).await;
    assert!(remedy(&report, "credential").contains("AZURE_CLIENT_ID"), "{report}");
}

#[tokio::test]
async fn reports_all_errors_in_the_settings_and_sends_no_request() {
    let environment = [
        ("COMMUNICATION_SERVICES_ENDPOINT", "http://d3Jvbmcgd3Jvbmc.example"),
        ("COMMUNICATION_SERVICES_ACCESSKEY", "d3Jvbmcgd3Jvbmc!"),
        ("COMMUNICATION_SERVICES_API_VERSION", "latest"),
        ("ALLOW_ANONYMOUS", "d3Jvbmcgd3Jvbmc"),
        ("RUST_LOG", "acs_tokens=loud"),
        ("LOG_IDENTITY_IDS", "yes"),
    ];
    let (code, report) = check(&environment).await;
    assert_eq!((code, &report["checks"], &report["endpoint"]), (1, &json!([]), &Value::Null));
    let settings = report["settings"].as_array().unwrap().iter();
    let invalid =
        settings.filter(|setting| setting["faults"] != json!([])).map(|setting| setting["name"].as_str().unwrap());
    assert_eq!(invalid.collect::<Vec<_>>(), environment.map(|(name, _)| name));
}
