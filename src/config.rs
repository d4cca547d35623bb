//! The settings, read once and whole from the environment: every fault is listed, and no secret is repeated.

mod callers;
mod directory;
mod found;
mod resource;
mod rules;

use std::{ffi::OsString, fmt, str::FromStr};

use tracing_subscriber::filter::{LevelFilter, Targets};

pub use found::Found;

const CONNECTION_STRING: &str = "COMMUNICATION_SERVICES_CONNECTION_STRING";
const ENDPOINT: &str = "COMMUNICATION_SERVICES_ENDPOINT";
const ACCESS_KEY: &str = "COMMUNICATION_SERVICES_ACCESSKEY";
const API_VERSION: &str = "COMMUNICATION_SERVICES_API_VERSION";
const HANDLER_PORT: &str = "FUNCTIONS_CUSTOMHANDLER_PORT";
const RUNTIME_API: &str = "AWS_LAMBDA_RUNTIME_API";
const PORT: &str = "PORT";
const LOG: &str = "RUST_LOG";
const LOG_IDENTITY_IDS: &str = "LOG_IDENTITY_IDS";

/// What is wrong with the settings: one line for each fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Faults(pub Vec<Fault>);

/// One fault: the setting and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The setting's name.
    pub setting: &'static str,
    /// What is wrong with it. Never its value.
    pub detail: String,
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the settings are wrong")?;
        self.0.iter().try_for_each(|Fault { setting, detail }| write!(f, "\n  {setting}: {detail}"))
    }
}

/// Reads settings, and collects what is wrong with them.
pub struct EnvReader<'a> {
    get: &'a dyn Fn(&str) -> Option<OsString>,
    faults: Vec<Fault>,
}

impl fmt::Debug for EnvReader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnvReader").field("faults", &self.faults).finish_non_exhaustive()
    }
}

impl<'a> EnvReader<'a> {
    /// Creates a reader of the variables that `get` returns; a program passes [`std::env::var_os`].
    #[must_use]
    pub fn new(get: &'a dyn Fn(&str) -> Option<OsString>) -> Self {
        Self { get, faults: Vec::new() }
    }

    /// What was read, if nothing was wrong with any of it.
    ///
    /// # Errors
    /// All faults at once.
    pub fn finish<T>(self, read: Option<T>) -> Result<T, Faults> {
        match read {
            Some(read) if self.faults.is_empty() => Ok(read),
            _ => Err(Faults(self.faults)),
        }
    }

    /// Whether the environment names an ACS resource at all.
    #[must_use]
    pub fn names_a_resource(&self) -> bool {
        self.is_any_set(&[CONNECTION_STRING, ENDPOINT, ACCESS_KEY])
    }

    /// The port that the Functions host chose for its custom handler.
    pub fn handler_port(&mut self) -> Option<u16> {
        let Some(text) = self.value(HANDLER_PORT) else {
            return self.fault(
                HANDLER_PORT,
                "is missing; the Functions host sets it. To serve without a host, run acs-tokens serve".to_owned(),
            );
        };
        text.parse().ok().or_else(|| self.fault(HANDLER_PORT, "is not a port".to_owned()))
    }

    /// That Lambda has started us: it says where its Runtime API is.
    pub fn lambda(&mut self) -> Option<()> {
        if self.value(RUNTIME_API).is_some() {
            return Some(());
        }
        self.fault(RUNTIME_API, "is missing; Lambda sets it. Elsewhere, run acs-tokens serve".to_owned())
    }

    /// The port to serve on where no Functions host chooses one: 8080 if none is set.
    pub fn port(&mut self) -> Option<u16> {
        let Some(text) = self.value(PORT) else { return Some(8080) };
        text.parse().ok().or_else(|| self.fault(PORT, "is not a port".to_owned()))
    }

    /// What is logged: `info`, or another level, or levels by module such as `info,acs_tokens=debug`.
    pub fn log_filter(&mut self) -> Targets {
        let filter = self.value(LOG).and_then(|text| self.parse::<Targets>(LOG, &text));
        // The Azure SDK tells of each token it fetches; what matters of that, the client says itself.
        let sdk = ["azure_core", "azure_identity", "typespec_client_core"].map(|name| (name, LevelFilter::WARN));
        filter.unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO).with_targets(sdk))
    }

    /// A setting's text without white space around it; an empty one counts as missing.
    fn value(&mut self, name: &'static str) -> Option<String> {
        match (self.get)(name)?.into_string() {
            Ok(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
            Err(_) => self.fault(name, "is not UTF-8".to_owned()),
        }
    }

    /// A setting that is `true` or, by default, `false`.
    fn flag(&mut self, name: &'static str) -> Option<bool> {
        match self.value(name).as_deref() {
            None | Some("false") => Some(false),
            Some("true") => Some(true),
            Some(_) => self.fault(name, "is neither true nor false".to_owned()),
        }
    }

    fn parsed<T: FromStr<Err: fmt::Display>>(&mut self, name: &'static str) -> Option<T> {
        self.value(name).and_then(|text| self.parse(name, &text))
    }

    fn parse<T: FromStr<Err: fmt::Display>>(&mut self, name: &'static str, text: &str) -> Option<T> {
        text.parse().map_err(|error: T::Err| self.fault::<T>(name, error.to_string())).ok()
    }

    fn fault<T>(&mut self, setting: &'static str, detail: String) -> Option<T> {
        self.faults.push(Fault { setting, detail });
        None
    }
}
