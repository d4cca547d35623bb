//! Warnings about settings that are valid, but probably not what was meant.

use acs_tokens::config::Program;

use super::{Env, RESOURCE, read};
use crate::process::{cli, handler, run};

const ISSUER: [(&str, &str); 2] = [("OIDC_ISSUERS", "https://login.example"), ("OIDC_AUDIENCES", "a")];

/// Returns the settings that are warned of.
fn warned(env: &Env<'_>) -> Vec<String> {
    let config = read(Program::Server, &[env, &[RESOURCE]].concat()).unwrap();
    config.warnings.into_iter().map(|warning| warning.setting).collect()
}

#[test]
fn issuers_without_a_directory_are_warned_of() {
    let config = read(Program::Server, &[&ISSUER[..], &[RESOURCE]].concat()).unwrap();
    let texts: Vec<String> = config.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        ["OIDC_ISSUERS is set without USER_DIRECTORY: functions for users answer 501 `turned-off`; set both"]
    );
    assert_eq!(warned(&[ISSUER[0], ISSUER[1], ("USER_DIRECTORY", "memory:")]), ["USER_DIRECTORY"]);
    let key = ("USER_DIRECTORY_KEY", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=");
    assert!(warned(&[ISSUER[0], ISSUER[1], ("USER_DIRECTORY", "file:///users"), key]).is_empty());
    assert!(warned(&[("CALLER_KEYS", "web=0123456789abcdef")]).is_empty());
}

/// Requests would fail as soon as this key is regenerated.
#[test]
fn a_secondary_key_that_is_the_first_one_is_warned_of() {
    let keys = ("CALLER_KEYS", "web=0123456789abcdef");
    let secondary = |key| ("COMMUNICATION_SERVICES_ACCESSKEY_SECONDARY", key);
    assert_eq!(warned(&[keys, secondary("c2VjcmV0")]), ["COMMUNICATION_SERVICES_ACCESSKEY_SECONDARY"]);
    assert!(warned(&[keys, secondary("c2Vjb25k")]).is_empty());
}

/// Identities of users would be lost at each restart.
#[test]
fn a_directory_in_memory_is_warned_of() {
    let keys = ("CALLER_KEYS", "web=0123456789abcdef");
    let config = read(Program::Server, &[keys, RESOURCE, ("USER_DIRECTORY", "memory:")]).unwrap();
    let text = "USER_DIRECTORY is `memory:`: each process creates identities of its own and forgets them when it ends";
    assert_eq!(config.warnings.iter().map(ToString::to_string).collect::<Vec<_>>(), [text]);
}

#[test]
fn anonymous_back_ends_are_warned_of() {
    assert_eq!(warned(&[("ALLOW_ANONYMOUS", "true")]), ["ALLOW_ANONYMOUS"]);
}

/// Also if the program does not start, which a misspelled name often causes.
#[tokio::test]
async fn a_misspelled_setting_is_warned_of_at_the_start_of_every_program() {
    let environment = [("COMUNICATION_SERVICES_CONNECTION_STRING", RESOURCE.1), ("OIDC_ISSUER", "c2VjcmV0")];
    let suggested = ["COMMUNICATION_SERVICES_CONNECTION_STRING", "OIDC_ISSUERS"];
    for program in [
        handler(&environment),
        cli(&["serve"], &environment),
        cli(
            &["dev", "--port", "0", "--emulator-port", "0", "--emulator-https-port", "0", "--data", "/dev/null"],
            &environment,
        ),
        cli(&["quickstart", "--url", "http://127.0.0.1:1", "--wait", "0s"], &environment),
        cli(&["directory", "export"], &environment),
        cli(&["check"], &environment),
    ] {
        let shown = format!("{program:?}");
        let (code, stdout, stderr) = run(program).await;
        assert_eq!(code, 1, "{shown}\n{stdout}{stderr}");
        let lines: Vec<&str> = stdout.lines().chain(stderr.lines()).collect();
        for ((misspelled, _), name) in environment.iter().zip(suggested) {
            let text = format!("is not a setting; did you mean {name}?");
            let is_warning = |line: &&str| line.contains(misspelled) && line.contains(&text);
            assert_eq!(lines.iter().filter(|line| is_warning(line)).count(), 1, "{shown}\n{stdout}{stderr}");
        }
        assert!(!format!("{stdout}{stderr}").contains("c2Vj"), "{shown}\n{stdout}{stderr}");
    }
}
