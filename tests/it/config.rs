//! Settings from an environment: what is taken, and that every fault is named at once, without its value.

mod directory;
mod rules;

use std::ffi::OsString;

use acs_tokens::{
    acs::{self, credential::Credential},
    auth::{Authenticator, BackendAuth},
    config::{EnvReader, Faults},
};

/// Reads what a program reads from an environment of these variables.
fn read(environment: &[(&str, &str)]) -> Result<(acs::ClientOptions, Authenticator), Faults> {
    let get = |name: &str| environment.iter().find(|(other, _)| *other == name).map(|(_, value)| OsString::from(value));
    let mut settings = EnvReader::new(&get);
    let (acs, callers) = (settings.acs(), settings.callers());
    let _ = settings.log_filter();
    settings.finish(acs.zip(callers))
}

const RESOURCE: (&str, &str) = (
    "COMMUNICATION_SERVICES_CONNECTION_STRING",
    "endpoint=https://contoso.communication.azure.com/;accesskey=c2VjcmV0",
);
const OPEN: (&str, &str) = ("ALLOW_ANONYMOUS", "true");

#[test]
fn takes_a_connection_string_or_endpoint_and_key() {
    let (acs, callers) = read(&[RESOURCE, OPEN]).unwrap();
    assert_eq!(acs.endpoint.to_string(), "https://contoso.communication.azure.com/");
    assert_eq!(acs.api_version.as_str(), "2025-06-30");
    assert!(matches!(callers.backend_auth, BackendAuth::Anyone));

    let (acs, _) = read(&[
        ("COMMUNICATION_SERVICES_ENDPOINT", " https://contoso.communication.azure.com "),
        ("COMMUNICATION_SERVICES_ACCESSKEY", "c2VjcmV0"),
        ("COMMUNICATION_SERVICES_API_VERSION", "2026-09-23"),
        ("COMMUNICATION_SERVICES_CONNECTION_STRING", ""),
        OPEN,
    ])
    .unwrap();
    assert_eq!(acs.endpoint.to_string(), "https://contoso.communication.azure.com/");
    assert_eq!(acs.api_version.as_str(), "2026-09-23");
}

/// Reads the resource alone, and shows what its calls are authorised with.
fn credential(environment: &[(&str, &str)]) -> String {
    let (acs, _) = read(&[environment, &[OPEN]].concat()).unwrap();
    match acs.credential {
        Credential::Keys(keys) => format!("{keys:?}"),
        Credential::Entra(entra) => format!("{:?}", entra.way()),
    }
}

#[test]
fn takes_the_credential_that_is_there() {
    let endpoint = ("COMMUNICATION_SERVICES_ENDPOINT", "https://contoso.communication.azure.com");
    let key = ("COMMUNICATION_SERVICES_ACCESSKEY", "c2VjcmV0");
    let secondary = ("COMMUNICATION_SERVICES_ACCESSKEY_SECONDARY", "c2Vjb25k");
    let identity = [("IDENTITY_ENDPOINT", "http://localhost/msi/token"), ("IDENTITY_HEADER", "x")];
    let client = ("AZURE_CLIENT_ID", "c11e");
    let federated = [("AZURE_FEDERATED_TOKEN_FILE", "/token"), ("AZURE_TENANT_ID", "e27a"), client];
    let forced = |name| ("COMMUNICATION_SERVICES_CREDENTIAL", name);
    let workload = r#"WorkloadIdentity { tenant_id: "e27a", client_id: "c11e", token_file: "/token" }"#;
    let [all_identity, all_federated] = [[&[endpoint][..], &identity].concat(), [&[endpoint][..], &federated].concat()];
    for (environment, expected) in [
        (vec![endpoint], "DeveloperTools"),
        (vec![endpoint, identity[0]], "DeveloperTools"),
        (all_identity.clone(), "ManagedIdentity { client_id: None }"),
        ([&all_identity[..], &[client]].concat(), r#"ManagedIdentity { client_id: Some("c11e") }"#),
        (all_federated.clone(), workload),
        ([&all_identity[..], &federated].concat(), workload),
        (
            [&all_federated[..], &[forced("managed-identity")]].concat(),
            r#"ManagedIdentity { client_id: Some("c11e") }"#,
        ),
        (vec![endpoint, key, forced("cli")], "DeveloperTools"),
        (vec![RESOURCE, forced("managed-identity")], "ManagedIdentity { client_id: None }"),
    ] {
        assert_eq!(credential(&environment), expected, "{environment:?}");
    }
    for environment in [
        vec![RESOURCE],
        vec![RESOURCE, secondary],
        [&all_identity[..], &[key, secondary]].concat(),
        vec![endpoint, key, forced("key")],
    ] {
        let shown = credential(&environment);
        assert!(shown.starts_with("Keys {") && !shown.contains("c2V"), "{shown}");
        assert_eq!(shown.contains("secondary: Some"), environment.contains(&secondary));
    }
}

#[test]
fn names_what_is_wrong_with_the_credential() {
    let endpoint = ("COMMUNICATION_SERVICES_ENDPOINT", "https://a.example");
    let loopback = "endpoint=http://127.0.0.1:7072/;accesskey=c2VjcmV0";
    let forced = |name| ("COMMUNICATION_SERVICES_CREDENTIAL", name);
    for (environment, faults) in [
        (
            &[endpoint, forced("Entra")][..],
            &["COMMUNICATION_SERVICES_CREDENTIAL: is none of key, managed-identity, workload-identity and cli"][..],
        ),
        (
            &[endpoint, forced("key")],
            &["COMMUNICATION_SERVICES_ACCESSKEY: is missing; COMMUNICATION_SERVICES_CREDENTIAL asks for it"],
        ),
        (
            &[endpoint, ("COMMUNICATION_SERVICES_ACCESSKEY_SECONDARY", "c2VjcmV0")],
            &[
                "COMMUNICATION_SERVICES_ACCESSKEY_SECONDARY: is set without COMMUNICATION_SERVICES_ACCESSKEY, which comes first",
            ],
        ),
        (
            &[RESOURCE, ("COMMUNICATION_SERVICES_ACCESSKEY_SECONDARY", "c2Vj!")],
            &[
                "COMMUNICATION_SERVICES_ACCESSKEY_SECONDARY: the access key is not base64; copy it whole from the resource's Keys page",
            ],
        ),
        (
            &[("COMMUNICATION_SERVICES_ENDPOINT", "http://127.0.0.1:7072")],
            &[
                "COMMUNICATION_SERVICES_ENDPOINT: the endpoint is plain http; without a key it must be https, even on this machine",
            ],
        ),
        (
            &[("COMMUNICATION_SERVICES_CONNECTION_STRING", loopback), forced("cli")],
            &[
                "COMMUNICATION_SERVICES_CONNECTION_STRING: the endpoint is plain http; without a key it must be https, even on \
               this machine",
            ],
        ),
        (
            &[("COMMUNICATION_SERVICES_ENDPOINT", "http://localhost"), forced("workload-identity")],
            &[
                "AZURE_TENANT_ID: is missing; workload-identity needs it",
                "AZURE_CLIENT_ID: is missing; workload-identity needs it",
                "AZURE_FEDERATED_TOKEN_FILE: is missing; workload-identity needs it",
                "COMMUNICATION_SERVICES_ENDPOINT: the endpoint is plain http; without a key it must be https, even on this machine",
            ],
        ),
    ] {
        let error = read(&[environment, &[OPEN]].concat()).unwrap_err();
        assert_eq!(error.to_string(), [&["the settings are wrong"], faults].concat().join("\n  "));
        assert!(!format!("{error:?}").contains("c2Vj"));
    }
}

#[test]
fn takes_caller_keys() {
    let (_, callers) =
        read(&[RESOURCE, ("CALLER_KEYS", "web=c2VjcmV0c2VjcmV0==; bot = another secret one ;")]).unwrap();
    let BackendAuth::Keys(keys) = &callers.backend_auth else { panic!("{callers:?}") };
    let names: Vec<&str> = keys.iter().map(|key| key.name.as_str()).collect();
    assert_eq!(names, ["web", "bot"]);
    assert!(!format!("{callers:?}").contains("c2Vj"));
}

#[test]
fn takes_issuers() {
    let tenants = "11111111-2222-4333-8444-555555555555,99999999-2222-4333-8444-555555555555";
    let issuers = ("OIDC_ISSUERS", "http://127.0.0.1:1/a, https://login.example/{tenantid}/v2.0");
    let (_, callers) = read(&[RESOURCE, issuers, ("OIDC_AUDIENCES", "a,b"), ("OIDC_TENANTS", tenants)]).unwrap();
    let shown = format!("{callers:?}");
    for name in ["http://127.0.0.1:1/a", "https://login.example/99999999-2222-4333-8444-555555555555/v2.0"] {
        assert!(shown.contains(name), "{shown}");
    }
    assert!(matches!(&callers.backend_auth, BackendAuth::Keys(keys) if keys.is_empty()));
}

#[test]
fn names_every_fault_at_once_and_no_value() {
    let missing_keys = "CALLER_KEYS: is missing; without it any stranger would get tokens. Set name=key pairs separated \
                        by semicolons, or OIDC_ISSUERS, or ALLOW_ANONYMOUS=true if something else checks callers";
    for (environment, faults) in [
        (
            &[][..],
            &[
                "COMMUNICATION_SERVICES_CONNECTION_STRING: is missing; set it, or COMMUNICATION_SERVICES_ENDPOINT, and \
                 COMMUNICATION_SERVICES_ACCESSKEY unless Entra is to be used",
                missing_keys,
            ][..],
        ),
        (
            &[
                ("COMMUNICATION_SERVICES_ENDPOINT", "http://contoso.communication.azure.com"),
                ("COMMUNICATION_SERVICES_ACCESSKEY", "c2Vj cmV0!"),
                ("COMMUNICATION_SERVICES_API_VERSION", "latest"),
                ("CALLER_KEYS", "web=c2VjcmV0;c2VjcmV0c2VjcmV0c2VjcmV0;a=c2VjcmV0c2VjcmV0;a=c2VjcmV0c2VjcmV0"),
                ("RUST_LOG", "acs_tokens=loud"),
            ],
            &[
                "COMMUNICATION_SERVICES_API_VERSION: not an api-version; one looks like 2025-06-30 or 2025-03-02-preview",
                "COMMUNICATION_SERVICES_ENDPOINT: the endpoint is plain http; only a loopback address may be, use https",
                "COMMUNICATION_SERVICES_ACCESSKEY: the access key is not base64; copy it whole from the resource's Keys page",
                "CALLER_KEYS: pair 1 has a key under 16 characters",
                "CALLER_KEYS: pair 2 is not name=key",
                "CALLER_KEYS: pair 4 has a name that another has",
                "RUST_LOG: error parsing level filter: expected one of \"off\", \"error\", \"warn\", \"info\", \"debug\", \"trace\", or a \
                 number 0-5",
            ],
        ),
        (
            &[RESOURCE, ("COMMUNICATION_SERVICES_ENDPOINT", "https://a.example"), OPEN],
            &["COMMUNICATION_SERVICES_CONNECTION_STRING: set it, or COMMUNICATION_SERVICES_ENDPOINT and \
               COMMUNICATION_SERVICES_ACCESSKEY, not both"],
        ),
        (
            &[("COMMUNICATION_SERVICES_ENDPOINT", "https://a.example/x"), OPEN],
            &[
                "COMMUNICATION_SERVICES_ENDPOINT: the endpoint has more than a host and a port; leave out everything behind them",
            ],
        ),
        (
            &[("COMMUNICATION_SERVICES_ACCESSKEY", "c2VjcmV0"), OPEN],
            &["COMMUNICATION_SERVICES_ENDPOINT: is missing; COMMUNICATION_SERVICES_ACCESSKEY needs it"],
        ),
        (&[RESOURCE, ("ALLOW_ANONYMOUS", "yes")], &["ALLOW_ANONYMOUS: is neither true nor false"]),
        (
            &[RESOURCE, OPEN, ("CALLER_KEYS", "web=c2VjcmV0c2VjcmV0")],
            &["ALLOW_ANONYMOUS: is true, and CALLER_KEYS is set; choose one"],
        ),
        (
            &[RESOURCE, OPEN, ("OIDC_ISSUERS", "https://a.example"), ("OIDC_AUDIENCES", "a")],
            &["ALLOW_ANONYMOUS: is true, and OIDC_ISSUERS is set; choose one"],
        ),
        (
            &[
                RESOURCE,
                (
                    "OIDC_ISSUERS",
                    "https://a.example, http://a.example,a,https://a.example/?b,https://a.example/{tenantid}/v2.0",
                ),
                ("OIDC_TENANTS", "contoso.com"),
                ("OIDC_REQUIRED_SCOPE", "a b"),
                ("OIDC_ROLES_CLAIM", "sub"),
            ],
            &[
                "OIDC_ROLES_CLAIM: names a claim that says who somebody is",
                "OIDC_TENANTS: number 1 is not a GUID",
                "OIDC_REQUIRED_SCOPE: is not one scope",
                "OIDC_AUDIENCES: is missing; without it tokens for any other service would do. OIDC_ISSUERS needs it",
                "OIDC_TENANTS: is missing; an issuer has {tenantid} in it",
                "OIDC_ISSUERS: number 2 is not https; plain http may be on a loopback address only",
                "OIDC_ISSUERS: number 3 is not a URL",
                "OIDC_ISSUERS: number 4 has more than a host, a port and a path",
            ],
        ),
        (&[RESOURCE, ("OIDC_AUDIENCES", "a")], &["OIDC_AUDIENCES: is set without OIDC_ISSUERS"]),
        (&[RESOURCE, ("CALLER_KEYS", ";")], &["CALLER_KEYS: holds no pair"]),
    ] {
        let error = read(environment).unwrap_err();
        let expected = [&["the settings are wrong"], faults].concat().join("\n  ");
        assert_eq!(error.to_string(), expected);
        assert!(!format!("{error:?}").contains("c2Vj"));
    }
}

#[test]
fn a_handler_wants_the_hosts_port() {
    for (port, fault) in [
        (None, Some("is missing; the Functions host sets it. To serve without a host, run acs-tokens serve")),
        (Some("70000"), Some("is not a port")),
        (Some("7070"), None),
    ] {
        let get = |name: &str| (name == "FUNCTIONS_CUSTOMHANDLER_PORT").then(|| port.map(OsString::from))?;
        let mut settings = EnvReader::new(&get);
        let read = settings.handler_port();
        let found = settings.finish(read).map_err(|faults| faults.0[0].detail.clone());
        assert_eq!(found.err().as_deref(), fault);
    }
}
