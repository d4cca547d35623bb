//! Reads single settings and collects the errors.

use std::{ffi::OsString, fmt, str::FromStr};

use serde::Serialize;
use tracing_subscriber::filter::{LevelFilter, Targets};

use super::{
    Program, SettingError, SettingErrors, SettingWarning, form,
    table::{HANDLER_PORT, LOG, LOG_FORMAT, PORT, RUNTIME_API, SETTINGS},
};
use crate::telemetry::Format;

/// A setting as `acs-tokens check` reports it.
#[derive(Debug, Clone, Serialize)]
pub struct Found {
    /// The name of the setting.
    pub name: &'static str,
    /// The source of the value. `None` if the setting is unset.
    pub source: Option<&'static str>,
    /// The value, unless it is a secret or invalid.
    pub value: Option<String>,
    /// The errors in the setting.
    #[serde(rename = "faults")]
    pub errors: Vec<String>,
}

/// A reader of settings. It collects errors instead of stopping at the first one.
pub struct EnvReader<'a> {
    get: &'a dyn Fn(&str) -> Option<OsString>,
    names: Vec<String>,
    errors: Vec<SettingError>,
    warnings: Vec<SettingWarning>,
}

impl<'a> EnvReader<'a> {
    /// Creates a reader. `get` returns the value of an environment variable.
    #[must_use]
    pub fn new(get: &'a dyn Fn(&str) -> Option<OsString>) -> Self {
        Self { get, names: Vec::new(), errors: Vec::new(), warnings: Vec::new() }
    }

    /// Adds the names of all environment variables, for settings that a library defines.
    #[must_use]
    pub fn with_names(self, names: impl Iterator<Item = OsString>) -> Self {
        Self { names: names.filter_map(|name| name.into_string().ok()).collect(), ..self }
    }

    /// Returns the names of the variables that begin with a prefix, sorted.
    #[must_use]
    pub fn names(&self, prefix: &str) -> Vec<String> {
        let mut names: Vec<String> = self.names.iter().filter(|name| name.starts_with(prefix)).cloned().collect();
        names.sort_unstable();
        names
    }

    /// Checks the form of every setting of a program, also of those that have no effect together with the others.
    /// `program` is a name in [`Setting::read_by`](super::Setting::read_by).
    pub fn check_values(&mut self, program: &str) {
        for setting in SETTINGS.iter().filter(|setting| setting.read_by.contains(&program)) {
            let _ = self.value(setting.name);
        }
    }

    /// Returns `read` if there were no errors.
    ///
    /// # Errors
    /// Returns all errors of the settings that were read.
    pub fn finish<T>(self, read: Option<T>) -> Result<T, SettingErrors> {
        match read {
            Some(read) if self.errors.is_empty() => Ok(read),
            _ => Err(SettingErrors(self.errors)),
        }
    }

    /// Returns the settings of a program as they were found, with their errors so far.
    #[must_use]
    pub fn found(&self, program: &str) -> Vec<Found> {
        let settings = SETTINGS.iter().filter(|setting| setting.read_by.contains(&program));
        let found = settings.map(|setting| {
            let errors = self.errors.iter().filter(|error| error.setting == setting.name);
            let errors: Vec<String> = errors.map(|error| error.detail.clone()).collect();
            let value = (self.get)(setting.name).filter(|value| !value.is_empty());
            // An invalid value may be a secret in the wrong variable.
            let hidden = setting.secret || !errors.is_empty();
            let source = value.is_some().then_some("environment");
            let value = value.and_then(|value| value.into_string().ok()).filter(|_| !hidden);
            Found { name: setting.name, source, value, errors }
        });
        found.collect()
    }

    /// Returns the port that the program listens on. Checks that Lambda started the program if it is for Lambda.
    pub fn port(&mut self, program: Program) -> Option<u16> {
        let (name, missing) = match program {
            Program::Server if !self.is_set(PORT) => return Some(8080),
            Program::Server => (PORT, ""),
            Program::Functions => (
                HANDLER_PORT,
                "is missing; the Functions host sets it; to run without the host, use `acs-tokens serve`",
            ),
            Program::Lambda => {
                (RUNTIME_API, "is missing; Lambda sets it; to run outside Lambda, use `acs-tokens serve`")
            }
        };
        if !self.is_set(name) {
            return self.reject(name, missing);
        }
        let text = self.value(name)?;
        if program == Program::Lambda {
            return Some(0);
        }
        text.parse().ok().or_else(|| self.reject(name, "is not a port; use a number from 0 to 65535"))
    }

    /// Returns the log filter: `info`, another level, or levels by module such as `info,acs_tokens=debug`.
    pub fn log_filter(&mut self, program: Program) -> Targets {
        let filter = self.parsed(LOG).unwrap_or_else(default_log_filter);
        if program == Program::Lambda {
            // At TRACE, this module logs whole events with keys and bodies. No setting may enable that.
            filter.with_target("lambda_runtime::layers::api_response", LevelFilter::WARN)
        } else {
            filter
        }
    }

    /// Returns the format of log lines. `None` if it depends on whether stdout is a terminal.
    pub fn log_format(&mut self) -> Option<Format> {
        self.parsed(LOG_FORMAT)
    }

    /// Returns whether any of the settings has a value.
    pub(super) fn is_any_set(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.is_set(name))
    }

    pub(super) fn is_set(&self, name: &str) -> bool {
        (self.get)(name).is_some_and(|value| !value.to_string_lossy().trim().is_empty())
    }

    /// Returns the text of a setting without surrounding white space. An empty value counts as unset.
    pub(super) fn value(&mut self, name: &'static str) -> Option<String> {
        self.value_of(name, name)
    }

    /// Returns the text of any variable, as [`value`](Self::value). Reports errors in `setting`.
    pub(super) fn value_of(&mut self, name: &str, setting: &'static str) -> Option<String> {
        let text = (self.get)(name)?.into_string();
        let text = text.map_err(|_| "is not valid UTF-8".to_owned()).and_then(|text| {
            let text = text.trim();
            form::check(text).map(|()| text.to_owned())
        });
        match text {
            Ok(text) => Some(text).filter(|text| !text.is_empty()),
            Err(fault) if name == setting => self.reject(setting, fault),
            Err(fault) => self.reject(setting, format!("{name} {fault}")),
        }
    }

    /// Returns a required setting. `needed_by` names the setting or the value that requires it.
    pub(super) fn required(&mut self, name: &'static str, needed_by: &str) -> Option<String> {
        if self.is_set(name) {
            return self.value(name);
        }
        self.reject(name, format!("is missing; {needed_by} requires it"))
    }

    /// Returns a setting that is `true` or `false`; `false` by default.
    pub(super) fn flag(&mut self, name: &'static str) -> Option<bool> {
        if !self.is_set(name) {
            return Some(false);
        }
        match &*self.value(name)? {
            "false" => Some(false),
            "true" => Some(true),
            _ => self.reject(name, "must be `true` or `false`"),
        }
    }

    /// Returns the entries of a list, which commas separate. None of them contains white space or a `;`.
    pub(super) fn list(&mut self, name: &'static str) -> Option<Vec<String>> {
        let text = self.value(name)?;
        let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        let entries: Vec<String> = entries.map(str::to_owned).collect();
        if entries.is_empty() {
            return self.reject(name, "has no entries; separate entries by commas");
        }
        let mut valid = true;
        for (i, entry) in entries.iter().enumerate() {
            let fault = match entry.chars().find(|c| *c == ';' || c.is_whitespace()) {
                Some(';') => "contains `;`; separate entries by commas",
                Some(_) => "contains white space; separate entries by commas",
                None if form::is_quoted(entry) => "begins with a quotation mark; remove the quotation marks",
                None => continue,
            };
            valid = false;
            self.report(name, format!("entry {} {fault}", i + 1));
        }
        Some(entries).filter(|_| valid)
    }

    pub(super) fn parsed<T: FromStr<Err: fmt::Display>>(&mut self, name: &'static str) -> Option<T> {
        self.value(name).and_then(|text| self.parse(name, &text))
    }

    pub(super) fn parse<T: FromStr<Err: fmt::Display>>(&mut self, name: &'static str, text: &str) -> Option<T> {
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => self.reject(name, error.to_string()),
        }
    }

    /// Records a warning: the setting is valid, but probably not what was meant.
    pub(super) fn warn(&mut self, setting: &'static str, detail: impl Into<String>) {
        self.warnings.push(SettingWarning { setting: setting.to_owned(), detail: detail.into() });
    }

    /// Returns the warnings so far.
    #[must_use]
    pub fn warnings(&self) -> &[SettingWarning] {
        &self.warnings
    }

    /// Records an error and returns `None`.
    pub(super) fn reject<T>(&mut self, setting: &'static str, detail: impl Into<String>) -> Option<T> {
        self.report(setting, detail);
        None
    }

    /// Records an error. A setting that several readers look at is reported once.
    pub(super) fn report(&mut self, setting: &'static str, detail: impl Into<String>) {
        let error = SettingError { setting, detail: detail.into() };
        if !self.errors.contains(&error) {
            self.errors.push(error);
        }
    }
}

/// Returns the log filter that applies if `RUST_LOG` is unset.
fn default_log_filter() -> Targets {
    // The Azure SDK logs each token request; the request log has what matters of that.
    let sdk = ["azure_core", "azure_identity", "typespec_client_core"].map(|name| (name, LevelFilter::WARN));
    Targets::new().with_default(LevelFilter::INFO).with_targets(sdk)
}
