//! Settings from the environment, read once at start-up. All errors are reported at once, and none repeats a value.

mod access;
mod auth;
mod client;
mod directory;
mod reader;
mod table;

use std::{ffi::OsString, fmt};

use tracing_subscriber::filter::Targets;

pub use reader::{EnvReader, Found, default_log_filter};
#[cfg(feature = "cli")]
pub(crate) use table::{FUNCTION_KEY, TEAMS_APP_ID, TEAMS_TOKEN, TEAMS_USER_ID};
pub use table::{SETTINGS, Setting};

use crate::{
    access::AccessRules,
    acs_client::AcsSettings,
    auth::{Authenticator, BackendAuth},
    directory::DirectorySettings,
    http::allowed_origins::Cors,
};

/// A program that serves the functions. Each reads its own set of settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// `handler`, behind the Azure Functions host.
    Functions,
    /// `bootstrap`, on AWS Lambda.
    Lambda,
    /// `acs-tokens serve`.
    Server,
}

/// The settings of the service.
#[derive(Debug)]
pub struct Config {
    /// The ACS resource and how to call it.
    pub client: AcsSettings,
    /// The authentication of callers.
    pub authenticator: Authenticator,
    /// The access rules.
    pub access: AccessRules,
    /// The origins that may call from a browser. `None` sends no CORS headers.
    pub cors: Option<Cors>,
    /// The user directory. `None` turns the functions for users off.
    pub directory: Option<DirectorySettings>,
    /// The port to listen on; 0 for any free port. Not used on Lambda.
    pub port: u16,
    /// Which events are logged.
    pub log_filter: Targets,
}

impl Config {
    /// Reads the settings of a program. `get` returns the value of an environment variable.
    ///
    /// # Errors
    /// Returns every invalid, missing or contradictory setting.
    pub fn from_env(program: Program, get: &dyn Fn(&str) -> Option<OsString>) -> Result<Self, SettingErrors> {
        Self::from_reader(program, EnvReader::new(get))
    }

    /// Reads the settings of a program, as [`from_env`](Self::from_env).
    ///
    /// # Errors
    /// As [`from_env`](Self::from_env).
    pub fn from_reader(program: Program, mut env: EnvReader<'_>) -> Result<Self, SettingErrors> {
        let config = Self::read(program, &mut env);
        env.finish(config)
    }

    fn read(program: Program, env: &mut EnvReader<'_>) -> Option<Self> {
        let (port, client) = (env.port(program), env.client());
        let authenticator = env.authenticator(program);
        let access = env.access(authenticator.as_ref());
        // The Functions host answers preflight requests itself and does not forward them.
        let cors = if program == Program::Functions { None } else { env.cors() };
        let (directory, log_filter) = (env.directory(), env.log_filter(program));
        Some(Self {
            client: client?,
            authenticator: authenticator?,
            access: access?,
            cors,
            directory: directory?,
            port: port?,
            log_filter,
        })
    }

    /// Returns a configuration for tools on this machine: no authentication, and defaults for everything else.
    #[must_use]
    pub fn local(client: AcsSettings) -> Self {
        Self {
            client,
            authenticator: BackendAuth::Anyone.into(),
            access: AccessRules::default(),
            cors: None,
            directory: None,
            port: 0,
            log_filter: default_log_filter(),
        }
    }
}

/// The errors in the settings. `Display` writes one line for each.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct SettingErrors(pub Vec<SettingError>);

/// An error in one setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingError {
    /// The name of the setting.
    pub setting: &'static str,
    /// The problem and its remedy. Never contains the value.
    pub detail: String,
}

impl fmt::Display for SettingErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("invalid settings")?;
        self.0.iter().try_for_each(|SettingError { setting, detail }| write!(f, "\n  {setting}: {detail}"))
    }
}
