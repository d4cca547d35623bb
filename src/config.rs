//! Settings from the environment, read once at start-up. All errors are reported at once, and none repeats a value.

mod access;
mod auth;
mod caller_keys;
mod client;
mod directory;
mod form;
mod issuers;
mod limits;
mod names;
mod reader;
mod table;

use std::{ffi::OsString, fmt, sync::Arc};

use serde::Serialize;

pub use names::unknown_settings;
pub use reader::{EnvReader, Found};
#[cfg(feature = "cli")]
pub(crate) use table::{BEARER_TOKEN, FUNCTION_KEY, TEAMS_APP_ID, TEAMS_TOKEN, TEAMS_USER_ID};
use table::{OIDC_ISSUERS, USER_DIRECTORY};
pub use table::{SETTINGS, Setting};

use crate::{
    access::AccessRules,
    acs_client::AcsSettings,
    auth::{Authenticator, BackendAuth},
    directory::{DirectorySettings, StoreLocation},
    http::allowed_origins::Cors,
    server::Limits,
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

impl Program {
    /// Returns the name of the program in the table of settings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Functions => "handler",
            Self::Lambda => "bootstrap",
            Self::Server => "serve",
        }
    }
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
    /// The origin of the emulator that the page of the functions uses. Only `dev` has one.
    pub emulator: Option<Arc<str>>,
    /// The limits on connections. Not used on Lambda.
    pub limits: Limits,
    /// The port to listen on; 0 for any free port. Not used on Lambda.
    pub port: u16,
    /// Settings that are valid, but probably not what was meant.
    pub warnings: Vec<SettingWarning>,
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
        let port = env.port(program);
        let config = Self::read(program, &mut env);
        env.finish(port.zip(config)).map(|(port, config)| Self { port, ..config })
    }

    /// Reads all settings of a program except the port, which the host of `handler` and `bootstrap` chooses.
    pub fn read(program: Program, env: &mut EnvReader<'_>) -> Option<Self> {
        env.check_values(program.name());
        let client = env.client();
        let authenticator = env.authenticator(program);
        let access = env.access(authenticator.as_ref());
        // The Functions host answers preflight requests itself and does not forward them.
        let cors = if program == Program::Functions { None } else { env.cors() };
        // The Functions host is the only peer of its handler.
        let limits = if program == Program::Server { env.limits() } else { Some(Limits::none()) };
        let directory = env.directory();
        // Telemetry starts before the other settings are read, and needs these two.
        let _ = (env.log_filter(program), env.log_format());
        if program == Program::Functions
            && let Some(Some(DirectorySettings { location: StoreLocation::S3 { .. }, .. })) = directory
        {
            env.report(USER_DIRECTORY, "is in S3, which `handler` does not support; use another place");
        }
        if env.is_set(OIDC_ISSUERS) && !env.is_set(USER_DIRECTORY) {
            env.warn(
                OIDC_ISSUERS,
                "is set without USER_DIRECTORY: functions for users answer 501 `turned-off`; set both",
            );
        }
        Some(Self {
            client: client?,
            authenticator: authenticator?,
            access: access?,
            cors,
            directory: directory?,
            emulator: None,
            limits: limits?,
            port: 0,
            warnings: env.warnings().to_vec(),
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
            emulator: None,
            limits: Limits::default(),
            port: 0,
            warnings: Vec::new(),
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

/// A setting that is valid, but probably not what was meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SettingWarning {
    /// The name of the environment variable.
    pub setting: String,
    /// The problem and its remedy. Never contains the value.
    pub detail: String,
}

impl fmt::Display for SettingWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.setting, self.detail)
    }
}

impl fmt::Display for SettingErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("invalid settings")?;
        self.0.iter().try_for_each(|SettingError { setting, detail }| write!(f, "\n  {setting}: {detail}"))
    }
}
