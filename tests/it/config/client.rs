//! The settings of the ACS resource.

use acs_tokens::{acs_client::AcsCredential, config::Program};

use super::{ANONYMOUS, ENDPOINT, Env, RESOURCE, read, server};

const KEY: (&str, &str) = ("COMMUNICATION_SERVICES_ACCESSKEY", "c2VjcmV0");
const SECONDARY: (&str, &str) = ("COMMUNICATION_SERVICES_ACCESSKEY_SECONDARY", "c2Vjb25k");

#[test]
fn resource_is_a_connection_string_or_an_endpoint() {
    let config = server(&[("COMMUNICATION_SERVICES_ENDPOINT", "  ")]);
    assert_eq!(config.client.endpoint.to_string(), "https://contoso.communication.azure.com/");
    assert_eq!(config.client.api_version.as_str(), "2025-06-30");
    assert!(!config.client.log_identity_ids);

    let version = ("COMMUNICATION_SERVICES_API_VERSION", " 2026-09-23 ");
    let config = read(
        Program::Functions,
        &[ENDPOINT, KEY, version, ("LOG_IDENTITY_IDS", "true"), ("FUNCTIONS_CUSTOMHANDLER_PORT", "7070")],
    )
    .unwrap();
    assert_eq!(config.client.endpoint.to_string(), "https://contoso.communication.azure.com/");
    assert_eq!(config.client.api_version.as_str(), "2026-09-23");
    assert!(config.client.log_identity_ids);
    assert_eq!(config.port, 7070);
}

/// Returns the debug output of the credential.
fn credential(env: &Env<'_>) -> String {
    match read(Program::Server, &[env, &[ANONYMOUS]].concat()).unwrap().client.credential {
        AcsCredential::Keys(keys) => format!("{keys:?}"),
        AcsCredential::Entra(source) => format!("{source:?}"),
    }
}

#[test]
fn credential_is_the_first_that_the_environment_has() {
    let identity = [("IDENTITY_ENDPOINT", "http://localhost/msi/token"), ("IDENTITY_HEADER", "x")];
    let client = ("AZURE_CLIENT_ID", "c11e");
    let federated = [("AZURE_FEDERATED_TOKEN_FILE", "/token"), ("AZURE_TENANT_ID", "e27a"), client];
    let forced = |name| ("COMMUNICATION_SERVICES_CREDENTIAL", name);
    let workload = r#"WorkloadIdentity { tenant_id: "e27a", client_id: "c11e", token_file: "/token" }"#;
    let managed = "ManagedIdentity { client_id: None }";
    let user_assigned = r#"ManagedIdentity { client_id: Some("c11e") }"#;
    for (env, expected) in [
        (vec![ENDPOINT], "DeveloperTools"),
        (vec![ENDPOINT, identity[0]], "DeveloperTools"),
        ([&[ENDPOINT][..], &identity].concat(), managed),
        ([&[ENDPOINT, client][..], &identity].concat(), user_assigned),
        ([&[ENDPOINT][..], &federated].concat(), workload),
        ([&[ENDPOINT][..], &identity, &federated].concat(), workload),
        ([&[ENDPOINT, forced("managed-identity")][..], &federated].concat(), user_assigned),
        (vec![ENDPOINT, KEY, forced("cli")], "DeveloperTools"),
        (vec![RESOURCE, forced("managed-identity")], managed),
    ] {
        assert_eq!(credential(&env), expected, "{env:?}");
    }
    for env in [
        vec![RESOURCE],
        vec![RESOURCE, SECONDARY],
        [&[ENDPOINT, KEY, SECONDARY][..], &identity].concat(),
        vec![ENDPOINT, KEY, forced("key")],
    ] {
        let shown = credential(&env);
        assert!(shown.starts_with("AccessKeys {") && !shown.contains("c2V"), "{shown}");
        assert_eq!(shown.contains("secondary: Some"), env.contains(&SECONDARY));
    }
}
