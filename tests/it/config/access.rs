//! The settings that limit callers.

use acs_tokens::{access::policy::Policy, config::Program};

use super::{RESOURCE, read, server};

#[test]
fn policy_is_json_or_a_file() {
    let policy = r#"{"keys":{"web":{"scopes":["voip"],"maxMinutes":60}}}"#;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), policy).unwrap();
    let keys = ("CALLER_KEYS", "web=c2VjcmV0c2VjcmV0");
    for text in [policy, file.path().to_str().unwrap()] {
        let config = read(Program::Server, &[RESOURCE, keys, ("TOKEN_POLICY", text)]).unwrap();
        assert_eq!(config.access.policy, policy.parse().unwrap());
    }
    assert_eq!(server(&[]).access.policy, Policy::default());
}

#[test]
fn cors_applies_outside_the_functions_host() {
    assert_eq!(server(&[]).cors, None);
    let origins = ("CORS_ALLOWED_ORIGINS", "https://a.example");
    let credentials = ("CORS_ALLOW_CREDENTIALS", "true");
    let cors = server(&[origins, credentials]).cors.unwrap();
    assert_eq!(cors.origins, "https://a.example".parse().unwrap());
    assert!(cors.credentials);
    let port = ("FUNCTIONS_CUSTOMHANDLER_PORT", "1");
    assert_eq!(read(Program::Functions, &[RESOURCE, port, origins]).unwrap().cors, None);
}
