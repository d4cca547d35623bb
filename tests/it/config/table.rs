//! The table of settings against what the programs read.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
};

use acs_tokens::config::{Config, EnvReader, Program, SETTINGS};

use super::{ANONYMOUS, DIRECTORY_KEY, ENDPOINT, Env, RESOURCE};

/// Environments that together make a program read each of its settings.
const ENVIRONMENTS: &[&Env<'static>] = &[
    &[ENDPOINT, ("COMMUNICATION_SERVICES_ACCESSKEY", "c2VjcmV0"), ("COMMUNICATION_SERVICES_CREDENTIAL", "key")],
    &[ENDPOINT, ("COMMUNICATION_SERVICES_CREDENTIAL", "workload-identity"), ANONYMOUS],
    &[ENDPOINT, ("IDENTITY_ENDPOINT", "http://localhost"), ("AWS_REGION", "eu-central-1")],
    &[ENDPOINT, ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001"), ("AWS_REGION", "eu-central-1")],
    &[RESOURCE, ("OIDC_ISSUERS", "https://a.example"), ("OIDC_AUDIENCES", "a"), DIRECTORY_KEY],
];
const S3: &Env<'static> = &[RESOURCE, ("USER_DIRECTORY", "s3://users"), DIRECTORY_KEY];

/// Returns the names of the variables that a program reads.
fn names_read(program: Program) -> BTreeSet<String> {
    // `handler` is built without S3.
    let s3 = if program == Program::Functions { None } else { Some(S3) };
    let mut used = BTreeSet::new();
    for env in ENVIRONMENTS.iter().copied().chain(s3) {
        let reads = RefCell::new(BTreeMap::<String, usize>::new());
        let get = |name: &str| {
            *reads.borrow_mut().entry(name.to_owned()).or_default() += 1;
            env.iter().find(|(other, _)| *other == name).map(|(_, value)| OsString::from(value))
        };
        // The settings of S3 are read if they exist.
        let names = SETTINGS.iter().map(|setting| OsString::from(setting.name));
        let _ = Config::from_reader(program, EnvReader::new(&get).with_names(names));
        // The form of each listed setting is checked once, whether or not the program uses the setting.
        let is_listed = |name: &str| {
            SETTINGS.iter().any(|setting| setting.name == name && setting.read_by.contains(&program.name()))
        };
        used.extend(
            reads.into_inner().into_iter().filter(|(name, n)| *n > usize::from(is_listed(name))).map(|(name, _)| name),
        );
    }
    used
}

#[test]
fn programs_read_the_settings_that_the_table_lists_for_them() {
    for program in [Program::Functions, Program::Lambda, Program::Server] {
        let name = program.name();
        let mut read = names_read(program);
        // Builds with Lambda look at these in any program, to choose the credential.
        if cfg!(feature = "lambda") && program != Program::Lambda {
            read.retain(|name| !name.starts_with("AWS_") || program == Program::Server);
            read.remove("AWS_LAMBDA_RUNTIME_API");
        }
        let listed = SETTINGS.iter().filter(|setting| setting.read_by.contains(&name)).map(|setting| setting.name);
        assert_eq!(read, listed.map(str::to_owned).collect(), "{name}");
    }
}

#[test]
fn names_of_settings_are_unique() {
    let names: BTreeSet<&str> = SETTINGS.iter().map(|setting| setting.name).collect();
    assert_eq!(names.len(), SETTINGS.len());
}
