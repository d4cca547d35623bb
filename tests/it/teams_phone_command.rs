//! `acs-tokens teams-phone`.

use acs_tokens::emulator::DEVELOPMENT_IDENTITY_HEADER;
use serde_json::{Value, json};

use crate::{
    harness,
    keyless::Fixture,
    process::{cli, run},
};

const TENANT: &str = "c70d068c-2f32-484d-9455-73070cd5aadd";
const USER: &str = "b27b64b9-39d2-44a3-869d-67700b74e805";
const CLIENT: &str = "07474a86-625a-452f-977b-db4e13f21260";

async fn teams_phone(connection: &str, arguments: &[&str]) -> (i32, String, String) {
    teams_phone_with(&[("COMMUNICATION_SERVICES_CONNECTION_STRING", connection)], arguments).await
}

async fn teams_phone_with(environment: &[(&str, &str)], arguments: &[&str]) -> (i32, String, String) {
    let command = [&["teams-phone"], arguments, &["--tenant", TENANT, "--object", USER]].concat();
    run(cli(&command, environment)).await
}

async fn json_of(connection: &str, arguments: &[&str]) -> Value {
    let (code, stdout, stderr) = teams_phone(connection, &[arguments, &["--output", "json"]].concat()).await;
    assert_eq!((code, stderr.as_str()), (0, ""), "{stdout}");
    serde_json::from_str(&stdout).unwrap()
}

#[tokio::test]
async fn an_assignment_is_put_shown_and_removed_any_number_of_times() {
    let (_, connection) = harness::emulator().await;
    let assignment = json!({ "principalType": "teamsResourceAccount", "clientIds": [CLIENT] });
    let assign = ["assign", "--principal-type", "teamsResourceAccount", "--client-id", CLIENT];
    for arguments in [&assign[..], &assign, &["show"]] {
        let report = json_of(&connection, arguments).await;
        assert_eq!((&report["tenantId"], &report["objectId"]), (&json!(TENANT), &json!(USER)));
        assert_eq!(report["assignment"], assignment);
        let needed = report["alsoNeeded"].to_string();
        for part in [
            &format!("login.microsoftonline.com/{TENANT}/"),
            &format!("client_id={CLIENT}&"),
            "scope=https%3A%2F%2Fauth.msft.communication.azure.com%2FTeamsExtension.ManageCalls",
            "az ad sp create --id 1fd5118e-2576-4263-8130-9503064c837a",
            "license",
        ] {
            assert!(needed.contains(part), "{needed}");
        }
    }
    let (code, stdout, _) = teams_phone(&connection, &["show"]).await;
    assert!(code == 0 && stdout.contains(&format!("clients  {CLIENT}\n")), "{stdout}");
    for arguments in [&["unassign", "--yes"][..], &["unassign", "-y"], &["show"]] {
        let report = json_of(&connection, arguments).await;
        assert_eq!((&report["assignment"], &report["alsoNeeded"]), (&Value::Null, &json!([])));
    }
}

#[tokio::test]
async fn an_unknown_type_is_refused_by_acs_and_explained() {
    let (_, connection) = harness::emulator().await;
    let (code, stdout, stderr) = teams_phone(&connection, &["assign", "--principal-type", "group"]).await;
    assert_eq!((code, stdout.as_str()), (1, ""));
    assert_eq!(stderr, "error: ACS answered 400 Bad Request: Provided PrincipalType is not supported.\n");
}

/// Runs each command without a key. The settings select the credential.
async fn assert_manages_assignments(fixture: &Fixture, settings: &[(&str, &str)]) {
    let certificate = fixture.folder.path().join("ca.pem");
    let common =
        [("COMMUNICATION_SERVICES_ENDPOINT", &*fixture.secure), ("SSL_CERT_FILE", certificate.to_str().unwrap())];
    let environment = [&common, settings].concat();
    let assigned = json!({ "principalType": "user", "clientIds": [CLIENT] });
    for (arguments, assignment) in [
        (&["assign", "--client-id", CLIENT][..], &assigned),
        (&["show"], &assigned),
        (&["unassign", "--yes"], &Value::Null),
        (&["show"], &Value::Null),
    ] {
        let arguments = [arguments, &["--output", "json"]].concat();
        let (code, stdout, stderr) = teams_phone_with(&environment, &arguments).await;
        assert_eq!((code, stderr.as_str()), (0, ""), "{arguments:?}");
        assert_eq!(&serde_json::from_str::<Value>(&stdout).unwrap()["assignment"], assignment);
    }
}

#[tokio::test]
async fn a_managed_identity_manages_assignments() {
    let fixture = Fixture::start().await;
    let endpoint = ("IDENTITY_ENDPOINT", &*fixture.identity_endpoint);
    assert_manages_assignments(&fixture, &[endpoint, ("IDENTITY_HEADER", DEVELOPMENT_IDENTITY_HEADER)]).await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_user_of_the_azure_cli_manages_assignments() {
    let fixture = Fixture::start().await;
    fixture.sign_in_with_az().await;
    assert_manages_assignments(&fixture, &[("PATH", fixture.folder.path().to_str().unwrap())]).await;
}

/// Entra's text, of which the number alone is compared.
#[cfg(unix)]
#[tokio::test]
async fn a_tenant_without_acs_is_explained() {
    let fixture = Fixture::start().await;
    let text =
        "ERROR: AADSTS500011: The resource principal named https://communication.azure.com was not found in the tenant";
    fixture.put_az(&format!("echo '{text}' >&2; exit 1"));
    let path = ("PATH", fixture.folder.path().to_str().unwrap());
    let endpoint = ("COMMUNICATION_SERVICES_ENDPOINT", &*fixture.secure);
    let (code, stdout, stderr) = teams_phone_with(&[endpoint, path], &["show"]).await;
    assert_eq!((code, stdout.as_str()), (1, ""));
    let remedy = "; Entra issued no token, because ACS has no service principal in the tenant of the credential; use a \
                  credential of the tenant of the ACS resource: set AZURE_TENANT_ID, or run az login --tenant\n";
    assert!(stderr.contains(text) && stderr.ends_with(remedy), "{stderr}");
}
