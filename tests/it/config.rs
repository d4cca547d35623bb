//! The settings of the programs: environment in, configuration or errors out.

mod access;
mod auth;
mod client;
mod directory;
mod errors;
mod form;
mod issuers;
mod limits;
mod table;
mod warnings;

use std::ffi::OsString;

use acs_tokens::config::{Config, EnvReader, Program, SettingErrors};

/// Environment variables.
type Env<'a> = [(&'a str, &'a str)];

pub(crate) const RESOURCE: (&str, &str) = (
    "COMMUNICATION_SERVICES_CONNECTION_STRING",
    "endpoint=https://contoso.communication.azure.com/;accesskey=c2VjcmV0",
);
const ENDPOINT: (&str, &str) = ("COMMUNICATION_SERVICES_ENDPOINT", "https://contoso.communication.azure.com");
const ANONYMOUS: (&str, &str) = ("ALLOW_ANONYMOUS", "true");
pub(crate) const DIRECTORY_KEY: (&str, &str) =
    ("USER_DIRECTORY_KEY", "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0");

/// Reads the settings of a program from an environment with these variables only.
pub(crate) fn read(program: Program, env: &Env<'_>) -> Result<Config, SettingErrors> {
    let get = |name: &str| env.iter().find(|(other, _)| *other == name).map(|(_, value)| OsString::from(value));
    let names = env.iter().map(|(name, _)| OsString::from(name));
    Config::from_reader(program, EnvReader::new(&get).with_names(names))
}

/// Reads the settings of `acs-tokens serve` from these variables and those that it requires.
fn server(env: &Env<'_>) -> Config {
    let env = [env, &[RESOURCE, ANONYMOUS]].concat();
    read(Program::Server, &env).unwrap()
}
