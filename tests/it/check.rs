//! `acs-tokens check`: what a person sees, and what a program reads.

use serde_json::{Value, json};

use crate::{
    harness::{self, Api},
    process::{cli, free_port, run},
};

const RESOURCE: &str = "COMMUNICATION_SERVICES_CONNECTION_STRING";

/// Runs it for a program: its exit code, and what it found.
async fn check(environment: &[(&str, &str)]) -> (i32, Value) {
    let (code, stdout, _) = run(cli(&["check", "--output", "json"], environment)).await;
    for secret in ["YWNzLXRva2Vucy", "d3Jvbmcgd3Jvbmc", "a-key-of-a-caller"] {
        assert!(!stdout.contains(secret), "{stdout}");
    }
    let report: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(report["ok"], json!(code == 0));
    (code, report)
}

/// Name and state of all that was tried.
fn states(report: &Value) -> Vec<(&str, &str)> {
    let checks = report["checks"].as_array().unwrap();
    checks.iter().map(|check| (check["name"].as_str().unwrap(), check["state"].as_str().unwrap())).collect()
}

fn remedy<'a>(report: &'a Value, name: &str) -> &'a str {
    let checks = report["checks"].as_array().unwrap();
    checks.iter().find(|check| check["name"] == name).unwrap()["remedy"].as_str().unwrap()
}

#[tokio::test]
async fn all_is_well() {
    let api = Api::direct().await;
    let connection_string = api.connection_string();
    let environment = [(RESOURCE, &*connection_string), ("CALLER_KEYS", "web=a-key-of-a-caller"), ("RUST_LOG", "info")];
    let (code, stdout, stderr) = run(cli(&["check"], &environment)).await;
    assert_eq!((code, &*stderr), (0, ""), "{stdout}");
    let endpoint = connection_string.trim_start_matches("endpoint=").split(';').next().unwrap();
    let lines: Vec<&str> = stdout.lines().collect();
    let settings = [
        "Settings, from the environment",
        "  ok      COMMUNICATION_SERVICES_CONNECTION_STRING    (set; not shown)",
        "  -       COMMUNICATION_SERVICES_ENDPOINT             (not set)",
        "  -       COMMUNICATION_SERVICES_ACCESSKEY            (not set)",
        "  -       COMMUNICATION_SERVICES_ACCESSKEY_SECONDARY  (not set)",
        "  -       COMMUNICATION_SERVICES_CREDENTIAL           (not set)",
        "  -       COMMUNICATION_SERVICES_API_VERSION          (not set)",
        "  -       AZURE_CLIENT_ID                             (not set)",
        "  -       AZURE_TENANT_ID                             (not set)",
        "  -       AZURE_FEDERATED_TOKEN_FILE                  (not set)",
        "  -       IDENTITY_ENDPOINT                           (not set)",
        "  -       IDENTITY_HEADER                             (not set)",
        "  ok      CALLER_KEYS                                 (set; not shown)",
        "  -       ALLOW_ANONYMOUS                             (not set)",
        "  -       OIDC_ISSUERS                                (not set)",
        "  -       OIDC_AUDIENCES                              (not set)",
        "  -       OIDC_TENANTS                                (not set)",
        "  -       OIDC_REQUIRED_SCOPE                         (not set)",
        "  -       OIDC_ROLES_CLAIM                            (not set)",
        "  -       OIDC_MANAGE_ROLE                            (not set)",
        "  -       TOKEN_POLICY                                (not set)",
        "  -       RATE_LIMIT                                  (not set)",
        "  -       RATE_LIMIT_KEYS                             (not set)",
        "  -       CORS_ALLOWED_ORIGINS                        (not set)",
        "  -       CORS_ALLOW_CREDENTIALS                      (not set)",
        "  -       USER_DIRECTORY                              (not set)",
        "  -       USER_DIRECTORY_KEY                          (not set)",
        "  ok      RUST_LOG                                    info",
        "  -       LOG_IDENTITY_IDS                            (not set)",
        "",
        &format!("ACS at {endpoint}"),
        "  ok      name          127.0.0.1 is 127.0.0.1",
    ];
    let (found, tried) = lines.split_at(settings.len());
    assert_eq!(found, settings);
    assert!(
        tried[0].starts_with("  ok      answer        in ") && tried[1].starts_with("  ok      clock         "),
        "{stdout}"
    );
    let rest = [
        "  ok      credential    accepted",
        "  ok      api-version   2025-06-30 is accepted, and ACS lists it",
        "",
        "All is well.",
    ];
    assert_eq!(tried[2..], rest);

    let (code, report) = check(&environment).await;
    let good = ["name", "answer", "clock", "credential", "api-version"].map(|name| (name, "ok"));
    assert_eq!((code, &states(&report)[..]), (0, &good[..]));
    assert_eq!(report["endpoint"], endpoint);
    assert_eq!(report["settings"][0], json!({"name": RESOURCE, "source": "environment", "value": null, "faults": []}));
    // It makes nothing.
    assert_eq!(api.control("GET", "state", None).await["identities"], json!([]));
}

#[tokio::test]
async fn a_wrong_key_is_told_with_its_remedy() {
    let (address, _) = harness::emulator().await;
    let connection_string = format!("endpoint={address}/;accesskey=d3Jvbmcgd3Jvbmc=");
    let (code, report) = check(&[(RESOURCE, &connection_string)]).await;
    assert_eq!(code, 1);
    let expected =
        [("name", "ok"), ("answer", "ok"), ("clock", "ok"), ("credential", "failed"), ("api-version", "unknown")];
    assert_eq!(states(&report), expected);
    assert!(remedy(&report, "credential").starts_with("copy key and endpoint anew"), "{report}");

    let (code, stdout, stderr) = run(cli(&["check"], &[(RESOURCE, &connection_string)])).await;
    assert_eq!((code, &*stderr), (1, "error: one thing is wrong\n"));
    assert!(stdout.contains("\n  FAILED  credential    ACS answered 401 Unauthorized"), "{stdout}");
    assert!(stdout.contains("\n                        remedy: copy key and endpoint anew"), "{stdout}");
}

#[tokio::test]
async fn a_wrong_clock_is_told() {
    let api = Api::direct().await;
    let date = json!({"date": "Wed, 13 Apr 2022 18:09:12 GMT"});
    api.control("POST", "faults", Some(json!({"answer": {"status": 401, "headers": date}}))).await;
    let (code, report) = check(&[(RESOURCE, &api.connection_string())]).await;
    assert_eq!(code, 1);
    let expected =
        [("name", "ok"), ("answer", "ok"), ("clock", "failed"), ("credential", "failed"), ("api-version", "unknown")];
    assert_eq!(states(&report), expected);
    assert_eq!(remedy(&report, "credential"), "set the clock, and keep it by NTP");
}

#[tokio::test]
async fn an_endpoint_out_of_reach_is_told() {
    // Nobody listens there any more.
    let connection_string = format!("endpoint=http://{}/;accesskey=d3Jvbmcgd3Jvbmc=", free_port().await);
    let (code, report) = check(&[(RESOURCE, &connection_string)]).await;
    let expected = [
        ("name", "ok"),
        ("answer", "failed"),
        ("clock", "unknown"),
        ("credential", "unknown"),
        ("api-version", "unknown"),
    ];
    assert_eq!((code, &states(&report)[..]), (1, &expected[..]));

    // RFC 6761 section 6.4: this name never resolves.
    let connection_string = "endpoint=https://acs-tokens.invalid/;accesskey=d3Jvbmcgd3Jvbmc=";
    let (code, report) = check(&[(RESOURCE, connection_string)]).await;
    assert_eq!((code, &states(&report)[..2]), (1, &[("name", "failed"), ("answer", "failed")][..]));
}

#[tokio::test]
async fn an_api_version_that_acs_does_not_know_is_told() {
    let (_, connection_string) = harness::emulator().await;
    let version = ("COMMUNICATION_SERVICES_API_VERSION", "2020-01-01");
    let (code, report) = check(&[(RESOURCE, &connection_string), version]).await;
    let expected =
        [("name", "ok"), ("answer", "ok"), ("clock", "ok"), ("credential", "unknown"), ("api-version", "failed")];
    assert_eq!((code, &states(&report)[..]), (1, &expected[..]));
    assert!(remedy(&report, "api-version").contains("2025-06-30"), "{report}");
}

#[tokio::test]
async fn an_acs_that_fails_is_told() {
    let api = Api::direct().await;
    api.control("POST", "faults", Some(json!({"times": 3, "answer": {"status": 503}}))).await;
    let (code, report) = check(&[(RESOURCE, &api.connection_string())]).await;
    let expected =
        [("name", "ok"), ("answer", "failed"), ("clock", "ok"), ("credential", "unknown"), ("api-version", "unknown")];
    assert_eq!((code, &states(&report)[..]), (1, &expected[..]));
}

#[tokio::test]
async fn a_workload_without_a_token_is_told() {
    let environment = [
        ("COMMUNICATION_SERVICES_ENDPOINT", "https://127.0.0.1:1"),
        ("COMMUNICATION_SERVICES_CREDENTIAL", "workload-identity"),
        ("AZURE_CLIENT_ID", "2c3e1e83-8fd7-4615-ad2b-b8c1229845ac"),
        ("AZURE_TENANT_ID", "32c0a5db-05ec-78ea-51ab-3f06b329397e"),
        ("AZURE_FEDERATED_TOKEN_FILE", "/there/is/none"),
    ];
    let (code, report) = check(&environment).await;
    let expected = [
        ("name", "ok"),
        ("answer", "unknown"),
        ("clock", "unknown"),
        ("credential", "failed"),
        ("api-version", "unknown"),
    ];
    assert_eq!((code, &states(&report)[..]), (1, &expected[..]));
    assert!(remedy(&report, "credential").contains("AZURE_CLIENT_ID"), "{report}");
    let unset = json!({"name": "IDENTITY_HEADER", "source": null, "value": null, "faults": []});
    assert!(report["settings"].as_array().unwrap().contains(&unset), "{report}");
}

#[tokio::test]
async fn every_fault_of_the_settings_is_told_at_once_and_nothing_is_tried() {
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
    let wrong: Vec<&str> = report["settings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|setting| setting["faults"] != json!([]))
        .map(|setting| setting["name"].as_str().unwrap())
        .collect();
    assert_eq!(wrong, environment.map(|(name, _)| name));
}
