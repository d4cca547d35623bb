//! The errors in settings: each text once, all errors of an environment at once, and never a value.

use acs_tokens::config::{Program, SettingError};

use super::{ANONYMOUS, DIRECTORY_KEY, RESOURCE, read};

/// Environments and their errors; the file explains its format.
const CASES: &str = include_str!("errors.txt");

/// Returns whether an error is the expected one, in which a final `…` matches any text.
fn matches(SettingError { setting, detail }: &SettingError, expected: &str) -> bool {
    let actual = format!("{setting}: {detail}");
    expected.strip_suffix('…').map_or(actual == expected, |prefix| actual.starts_with(prefix))
}

fn assert_case(case: &str) {
    let mut lines = case.lines();
    let program = match lines.next().unwrap() {
        "handler" => Program::Functions,
        "bootstrap" => Program::Lambda,
        "serve" => Program::Server,
        other => panic!("unknown program {other}"),
    };
    let (expected, env): (Vec<&str>, Vec<&str>) = lines.partition(|line| line.starts_with("! "));
    let env: Vec<(&str, &str)> = env
        .into_iter()
        .map(|line| match line {
            "RESOURCE" => RESOURCE,
            "ANONYMOUS" => ANONYMOUS,
            "DIRECTORY_KEY" => DIRECTORY_KEY,
            _ => line.split_once('=').unwrap(),
        })
        .collect();
    let errors = read(program, &env).unwrap_err();
    assert_eq!(errors.0.len(), expected.len(), "{case}\n\n{errors}");
    for (error, expected) in errors.0.iter().zip(expected) {
        assert!(matches(error, &expected[2..]), "{case}\n\n{errors}");
    }
    assert!(errors.to_string().starts_with("invalid settings\n  "), "{errors}");
    assert!(!format!("{errors:?}").contains("c2Vj"), "{errors}");
}

#[test]
fn all_errors_are_reported_at_once_without_values() {
    let cases: Vec<&str> = CASES.trim().split("\n\n").filter(|case| !case.starts_with('#')).collect();
    assert!(cases.len() > 30);
    cases.into_iter().for_each(assert_case);
}

#[cfg(unix)]
#[test]
fn a_value_must_be_utf8() {
    use std::{ffi::OsString, os::unix::ffi::OsStringExt as _};

    let get = |name: &str| (name == "RATE_LIMIT").then(|| OsString::from_vec(vec![0xff]));
    let errors = acs_tokens::config::Config::from_env(Program::Server, &get).unwrap_err();
    assert!(errors.to_string().contains("\n  RATE_LIMIT: is not valid UTF-8"), "{errors}");
}
