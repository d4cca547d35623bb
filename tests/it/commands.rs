//! `acs-tokens quickstart`, and errors of the command line.

mod quickstart_wait;

use serde_json::json;
use tokio::net::TcpListener;

use crate::{
    harness::{self, Api},
    process::{Running, cli, ready, run},
};

/// Replaces ids, tokens and timestamps, which differ in each run.
fn masked(transcript: &str) -> String {
    let mask = |word: &str| {
        let bare = word.trim_end_matches(':');
        let (is_id, is_token) = (bare.starts_with("8:acs:"), bare.starts_with("eyJ"));
        let is_timestamp = bare.parse::<jiff::Timestamp>().is_ok();
        let mask = if is_id {
            "<id>"
        } else if is_token {
            "<token>"
        } else {
            "<timestamp>"
        };
        if is_id || is_token || is_timestamp { word.replace(bare, mask) } else { word.to_owned() }
    };
    let line = |line: &str| line.split(' ').map(mask).collect::<Vec<_>>().join(" ");
    transcript.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

const TRANSCRIPT: &str = "\
Azure Communication Services - Access Tokens Quickstart

Created an identity: <id>

Issued an access token with 'voip' scope that expires at <timestamp>:
<token>

Successfully revoked all access tokens for identity with ID: <id>

Deleted the identity with ID: <id>
";

#[tokio::test]
async fn quickstart_prints_the_transcript_and_nothing_else() {
    let (code, stdout, stderr) = run(cli(&["quickstart"], &[])).await;
    assert_eq!((code, masked(&stdout).as_str(), stderr.as_str()), (0, TRANSCRIPT, ""));
}

#[tokio::test]
async fn quickstart_full_runs_the_newer_steps() {
    let (code, stdout, stderr) = run(cli(&["quickstart", "--full"], &[])).await;
    let expected = "\
Azure Communication Services - Access Tokens Quickstart

Created an identity: <id>

Issued an access token with 'voip' scope that expires at <timestamp>:
<token>

Issued an access token with 'voip' scope and a validity of 60 minutes that expires at <timestamp>:
<token>

Issued an access token with 'chat' and 'voip' scopes that expires at <timestamp>:
<token>

Refreshed the access token with 'chat' and 'voip' scopes; it expires at <timestamp>:
<token>

Created an identity with an access token in one call: <id>

Issued with it an access token with 'voip' scope that expires at <timestamp>:
<token>

Deleted the identity with ID: <id>

Exchanged a Teams user's Entra token for an access token that expires at <timestamp>:
<token>

Successfully revoked all access tokens for identity with ID: <id>

Deleted the identity with ID: <id>

Assigned a user of Teams Phone to the ACS resource

Exchanged the user's Entra token for an access token that expires at <timestamp>:
<token>

It is of the identity <id>

Refreshed the access token with a new Entra token; it expires at <timestamp>:
<token>

Deleted the assignment of the user, which revokes the tokens

Created a guest pass that expires at <timestamp>

Issued an access token for the guest that expires at <timestamp>:
<token>

It is of the identity <id>

Refreshed the access token of the guest; it expires at <timestamp>:
<token>

It is of the identity <id>

Ended the pass and deleted the identity of the guest
";
    assert_eq!((code, masked(&stdout).as_str(), stderr.as_str()), (0, expected, ""));
    let ids: Vec<&str> = stdout.lines().filter_map(|line| line.strip_prefix("It is of the identity ")).collect();
    // That of Teams Phone, and twice that of the guest.
    assert!(ids.len() == 3 && ids[0] != ids[1] && ids[1] == ids[2], "{ids:?}");
}

#[tokio::test]
async fn quickstart_uses_the_api_version_from_the_environment() {
    let version = ("COMMUNICATION_SERVICES_API_VERSION", "2023-10-01");
    let (code, stdout, _) = run(cli(&["quickstart"], &[version])).await;
    assert_eq!((code, masked(&stdout).as_str()), (0, TRANSCRIPT));
    let version = ("COMMUNICATION_SERVICES_API_VERSION", "2020-01-01");
    let (code, _, stderr) = run(cli(&["quickstart"], &[version])).await;
    assert!(code == 1 && stderr.contains("error: the step 'create an identity' failed: 502 "), "{stderr}");
}

#[tokio::test]
async fn quickstart_uses_the_resource_from_the_environment() {
    let (address, connection_string) = harness::emulator().await;
    let environment = [("COMMUNICATION_SERVICES_CONNECTION_STRING", &*connection_string)];
    let (code, stdout, stderr) = run(cli(&["quickstart", "--full"], &environment)).await;
    assert_eq!((code, stderr), (0, format!("Using the ACS resource at {address}/\n")));
    let skipped = "\nSkipped the exchange of a Teams user's token: no --teams-token was given\n";
    assert!(stdout.contains(skipped), "{stdout}");
    let skipped = "\n\nSkipped Teams Phone and the guest: these steps run against the emulator only\n";
    assert!(stdout.ends_with(skipped), "{stdout}");
}

#[tokio::test]
async fn quickstart_against_a_deployed_app_deletes_its_identities() {
    let api = Api::direct().await;
    let (code, stdout, stderr) = run(cli(&["quickstart", "--url", &api.base], &[])).await;
    assert_eq!((code, masked(&stdout).as_str(), stderr.as_str()), (0, TRANSCRIPT, ""));

    for (step, operation) in [
        ("issue a token", "issue-token"),
        ("revoke the tokens", "revoke-tokens"),
        ("delete the identity", "delete-identity"),
        ("create an identity", "create-identity"),
    ] {
        api.control("POST", "faults", Some(json!({ "operation": operation, "times": 3, "answer": { "status": 500 } })))
            .await;
        let (code, _, stderr) = run(cli(&["quickstart", "--url", &api.base], &[])).await;
        assert!(code == 1 && stderr.starts_with(&format!("error: the step '{step}' failed: 502 ")), "{stderr}");
        api.control("DELETE", "faults", None).await;
    }
    let state = api.control("GET", "state", None).await;
    let identities = state["identities"].as_array().unwrap();
    assert_eq!(identities.len(), 4);
    assert!(identities.iter().all(|identity| !identity["deletedAt"].is_null()), "{identities:?}");
}

#[tokio::test]
async fn quickstart_requires_https_outside_loopback() {
    let (code, _, stderr) = run(cli(&["quickstart", "--url", "http://contoso.azurewebsites.net"], &[])).await;
    assert_eq!(code, 2);
    assert!(stderr.contains("http"), "{stderr}");
}

#[tokio::test]
async fn an_error_for_a_port_in_use_names_the_option() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let environment = [
        ("COMMUNICATION_SERVICES_CONNECTION_STRING", "endpoint=https://a.example/;accesskey=c2VjcmV0"),
        ("ALLOW_ANONYMOUS", "true"),
    ];
    for (arguments, option) in [
        (&["dev", "--port", &port][..], "--port"),
        (&["dev", "--port", "0", "--emulator-port", &port], "--emulator-port"),
        (&["emulator", "--port", "0", "--https-port", &port], "--https-port"),
        (&["serve", "--port", &port], "--port"),
    ] {
        let (code, _, stderr) = run(cli(arguments, &environment)).await;
        let (error, command) = stderr.split_once('\n').unwrap();
        assert_eq!((code, error), (1, &*format!("error: port {port} is in use; this command works:")));
        assert!(command.contains(&format!(" {option} ")) && !command.contains(&format!(" {port}")), "{command}");
    }
}

#[tokio::test]
async fn serve_requires_a_setting_for_authentication() {
    let resource = ("COMMUNICATION_SERVICES_CONNECTION_STRING", "endpoint=https://a.example/;accesskey=c2VjcmV0");
    let (code, _, stderr) = run(cli(&["serve", "--port", "0"], &[resource])).await;
    assert_eq!(code, 1);
    assert!(stderr.starts_with("error: invalid settings\n  CALLER_KEYS: is missing;"), "{stderr}");

    let mut running = Running::start(cli(&["serve", "--port", "0"], &[resource, ("ALLOW_ANONYMOUS", "true")]));
    let lines = running.until(|line| line.contains("serving")).await;
    assert!(lines[0].contains("WARN") && lines[0].contains("ALLOW_ANONYMOUS is true"), "{lines:?}");
    let log: serde_json::Value = serde_json::from_str(&lines[1]).unwrap();
    let health = format!("http://{}/api/health", log["address"].as_str().unwrap());
    assert_eq!(ready(&health).await.status(), 200);
}
