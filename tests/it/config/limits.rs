//! The settings that limit connections.

use std::time::Duration;

use acs_tokens::{config::Program, server::Limits};

use super::{ANONYMOUS, RESOURCE, read, server};

#[test]
fn limits_are_set_in_connections_and_seconds() {
    assert_eq!(server(&[]).limits, Limits::default());
    let env = [("CONNECTION_LIMIT", "100000"), ("HEADER_TIMEOUT", "1"), ("IDLE_TIMEOUT", "3600")];
    let expected = Limits {
        connections: 100_000,
        header_timeout: Duration::from_secs(1),
        idle_timeout: Duration::from_secs(3600),
        ..Limits::default()
    };
    assert_eq!(server(&env).limits, expected);
    let seconds = "must be a number of seconds from 1 to 3600";
    for (name, value, detail) in [
        ("CONNECTION_LIMIT", "0", "must be a number of connections from 1 to 100000"),
        ("HEADER_TIMEOUT", "1.5", seconds),
        ("IDLE_TIMEOUT", "3601", seconds),
    ] {
        let errors = read(Program::Server, &[RESOURCE, ANONYMOUS, (name, value)]).unwrap_err().0;
        let errors: Vec<_> = errors.iter().map(|error| (error.setting, &*error.detail)).collect();
        assert_eq!(errors, [(name, detail)]);
    }
}

#[test]
fn handler_has_no_limits() {
    let port = ("FUNCTIONS_CUSTOMHANDLER_PORT", "1");
    let config = read(Program::Functions, &[RESOURCE, port, ("CONNECTION_LIMIT", "1")]).unwrap();
    assert_eq!(config.limits, Limits::none());
}
