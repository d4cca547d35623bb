//! The settings about what callers may have.

use std::ffi::OsString;

use acs_tokens::{
    access::{AccessRules, policy::Policy},
    auth::BackendAuth,
    config::EnvReader,
};

/// Reads the rules from an environment of these variables, for the callers `web` and `bot`.
fn read_rules(environment: &[(&str, &str)]) -> Result<AccessRules, Vec<String>> {
    let keys = ("CALLER_KEYS", "web=c2VjcmV0c2VjcmV0;bot=c2VjcmV0c2VjcmV1");
    let get = |name: &str| {
        [keys].iter().chain(environment).find(|(other, _)| *other == name).map(|(_, value)| OsString::from(value))
    };
    let mut settings = EnvReader::new(&get);
    let callers = settings.callers();
    let rules = settings.rules(callers.as_ref());
    settings
        .finish(rules)
        .map_err(|faults| faults.to_string().lines().skip(1).map(|line| line.trim().to_owned()).collect())
}

#[test]
fn rules_are_read_whole() {
    let policy = r#"{"keys":{"web":{"scopes":["voip"],"maxMinutes":60}}}"#;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), policy).unwrap();
    for text in [policy, file.path().to_str().unwrap()] {
        let rules = read_rules(&[("TOKEN_POLICY", text)]).unwrap();
        assert_eq!(rules.policy, policy.parse().unwrap());
        assert!(rules.cors.is_none());
    }
    let rules =
        read_rules(&[("CORS_ALLOWED_ORIGINS", "https://a.example"), ("CORS_ALLOW_CREDENTIALS", "true")]).unwrap();
    assert!(rules.cors.unwrap().credentials);
    assert_eq!(read_rules(&[]).unwrap().policy, Policy::default());
}

#[test]
fn every_fault_of_the_rules_is_named_at_once() {
    let neither = "is neither none nor a number of requests a minute from 1 to 100000";
    for (environment, faults) in [
        (
            &[
                ("TOKEN_POLICY", r#"{"default":{"scopes":["all"],"maxMinutes":5}}"#),
                ("RATE_LIMIT", "0"),
                ("RATE_LIMIT_KEYS", "30/min"),
                ("CORS_ALLOWED_ORIGINS", "*"),
                ("CORS_ALLOW_CREDENTIALS", "true"),
            ][..],
            &[
                "TOKEN_POLICY: default.scopes[0]: not a scope; the scopes are chat, voip, chat.join, chat.join.limited, voip.join",
                &format!("RATE_LIMIT: {neither}"),
                &format!("RATE_LIMIT_KEYS: {neither}"),
                "CORS_ALLOWED_ORIGINS: is *, and CORS_ALLOW_CREDENTIALS is true; name the origins instead",
            ][..],
        ),
        (
            &[
                ("TOKEN_POLICY", r#"{"keys":{"wed":{"scopes":["voip"],"maxMinutes":60}}}"#),
                ("RATE_LIMIT", "100001"),
                ("CORS_ALLOWED_ORIGINS", "https://a.example,http://b.example,https://a.example"),
                ("CORS_ALLOW_CREDENTIALS", "yes"),
            ],
            &[
                "TOKEN_POLICY: keys.wed: limits nobody: no pair of CALLER_KEYS has that name",
                &format!("RATE_LIMIT: {neither}"),
                "CORS_ALLOW_CREDENTIALS: is neither true nor false",
                "CORS_ALLOWED_ORIGINS: origin 2 is plain http; only a loopback address may be",
                "CORS_ALLOWED_ORIGINS: origin 3 stands there twice",
            ],
        ),
        (
            &[("TOKEN_POLICY", "/no/such/file"), ("CORS_ALLOW_CREDENTIALS", "true")],
            &[
                "TOKEN_POLICY: is neither JSON nor the path of a file that can be read: entity not found",
                "CORS_ALLOW_CREDENTIALS: is true, but CORS_ALLOWED_ORIGINS is missing",
            ],
        ),
    ] {
        assert_eq!(read_rules(environment).unwrap_err(), faults);
    }
}

#[test]
fn a_policy_for_keys_needs_keys_that_are_told_apart() {
    let get = |name: &str| {
        (name == "TOKEN_POLICY").then(|| OsString::from(r#"{"keys":{"web":{"scopes":["voip"],"maxMinutes":60}}}"#))
    };
    for (callers, why) in [
        (BackendAuth::FunctionsHost, "the Functions host checks keys, and does not say which one it was"),
        (BackendAuth::Anyone, "nobody is asked for a key"),
    ] {
        let mut settings = EnvReader::new(&get);
        let rules = settings.rules(Some(&callers.into()));
        let faults = settings.finish(rules).unwrap_err();
        assert_eq!(faults.0[0].detail, format!("keys.web: limits nobody: {why}"));
    }
}
