//! The settings that authenticate callers.

use acs_tokens::{auth::BackendAuth, config::Program};

use super::{RESOURCE, read, server};

#[test]
fn caller_keys_are_pairs_of_name_and_key() {
    let keys = ("CALLER_KEYS", "web=c2VjcmV0c2VjcmV0==; bot-2.eu_1 = c2VjcmV0,c2VjcmV0'=\" ;");
    let authenticator = read(Program::Server, &[RESOURCE, keys]).unwrap().authenticator;
    let BackendAuth::Keys(keys) = &authenticator.backend_auth else { panic!("{authenticator:?}") };
    let names: Vec<&str> = keys.iter().map(|key| key.name.as_str()).collect();
    assert_eq!(names, ["web", "bot-2.eu_1"]);
    assert!(!format!("{authenticator:?}").contains("c2Vj"));
}

#[test]
fn back_ends_are_authenticated_by_the_functions_host_or_not_at_all() {
    let env = [RESOURCE, ("FUNCTIONS_CUSTOMHANDLER_PORT", "1"), ("CALLER_KEYS", "ignored")];
    assert!(matches!(read(Program::Functions, &env).unwrap().authenticator.backend_auth, BackendAuth::FunctionsHost));
    assert!(matches!(server(&[]).authenticator.backend_auth, BackendAuth::Anyone));
}

#[test]
fn an_issuer_with_a_placeholder_stands_for_one_issuer_per_tenant() {
    let tenants = "11111111-2222-4333-8444-555555555555,99999999-2222-4333-8444-555555555555";
    let authenticator = read(
        Program::Server,
        &[
            RESOURCE,
            ("OIDC_ISSUERS", "http://127.0.0.1:1/a, https://login.example/{tenantid}/v2.0"),
            ("OIDC_AUDIENCES", "a,b"),
            ("OIDC_TENANTS", tenants),
        ],
    )
    .unwrap()
    .authenticator;
    let shown = format!("{authenticator:?}");
    assert!(shown.contains("http://127.0.0.1:1/a"), "{shown}");
    for tenant in tenants.split(',') {
        assert!(shown.contains(&format!("https://login.example/{tenant}/v2.0")), "{shown}");
    }
    assert!(matches!(&authenticator.backend_auth, BackendAuth::Keys(keys) if keys.is_empty()));
}
