//! The report of `acs-tokens check`, as text and as JSON.

use std::{borrow::Cow, fmt::Write as _};

use serde::Serialize;

use crate::{
    config::{Found, SettingWarning},
    remedy::Remedy,
};

/// The settings and the results of the checks.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    ok: bool,
    endpoint: Option<String>,
    settings: Vec<Found>,
    /// Not counted as problems.
    warnings: Vec<SettingWarning>,
    /// The results of the checks; empty if a setting is invalid.
    checks: Vec<Finding>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    Failed,
    Unknown,
}

/// The result of one check.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Finding {
    name: &'static str,
    state: State,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    likely_cause: Option<Cow<'static, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<Cow<'static, str>>,
}

impl Finding {
    pub(super) const fn ok(name: &'static str, detail: String) -> Self {
        Self { name, state: State::Ok, detail, likely_cause: None, remedy: None }
    }

    pub(super) fn failed(name: &'static str, detail: String, remedy: Option<Remedy>) -> Self {
        let (likely_cause, remedy) = remedy.map(|Remedy { likely_cause, remedy }| (likely_cause, remedy)).unzip();
        Self { name, state: State::Failed, detail, likely_cause, remedy }
    }

    /// A check that could not be made because of another failure.
    pub(super) fn unknown(name: &'static str, reason: &str) -> Self {
        Self { state: State::Unknown, ..Self::ok(name, reason.to_owned()) }
    }
}

impl Report {
    pub(super) fn new(
        endpoint: Option<String>,
        settings: Vec<Found>,
        warnings: Vec<SettingWarning>,
        checks: Vec<Finding>,
    ) -> Self {
        let report = Self { ok: false, endpoint, settings, warnings, checks };
        Self { ok: report.problems() == 0, ..report }
    }

    /// Returns the number of problems.
    pub(super) fn problems(&self) -> usize {
        let errors: usize = self.settings.iter().map(|setting| setting.errors.len()).sum();
        errors + self.checks.iter().filter(|check| check.state == State::Failed).count()
    }

    pub(super) fn to_text(&self) -> String {
        let mut text = "Settings, from the environment\n".to_owned();
        for Found { name, source, value, errors } in &self.settings {
            let mut line = |mark, detail: &str| {
                let _ = writeln!(text, "  {mark:<6}  {name:<42}  {detail}");
            };
            match value {
                _ if !errors.is_empty() => errors.iter().for_each(|error| line("ERROR", error)),
                Some(value) => line("ok", value),
                None if source.is_some() => line("ok", "(set; not shown)"),
                None => line("-", "(not set)"),
            }
        }
        for SettingWarning { setting, detail } in &self.warnings {
            let _ = writeln!(text, "  {:<6}  {setting:<42}  {detail}", "WARN");
        }
        let mut heading = None;
        for Finding { name, state, detail, likely_cause, remedy } in &self.checks {
            let next = match *name {
                "issuer" => "Issuers".to_owned(),
                "directory" | "conditions" => "User directory".to_owned(),
                "policy" => "Policy".to_owned(),
                _ => format!("ACS at {}", self.endpoint.as_deref().unwrap_or_default()),
            };
            if heading.as_ref() != Some(&next) {
                let _ = writeln!(text, "\n{next}");
                heading = Some(next);
            }
            let mark = match state {
                State::Ok => "ok",
                State::Failed => "FAILED",
                State::Unknown => "?",
            };
            let _ = writeln!(text, "  {mark:<6}  {name:<12}  {detail}");
            for (label, text_of) in [("cause:", likely_cause), ("remedy:", remedy)] {
                if let Some(text_of) = text_of {
                    let _ = writeln!(text, "{:24}{label:<7} {text_of}", "");
                }
            }
        }
        match (self.ok, self.warnings.len()) {
            (false, _) => text,
            (true, 0) => text + "\nNo problems found.",
            (true, 1) => text + "\nNo problems found, but 1 warning.",
            (true, n) => text + &format!("\nNo problems found, but {n} warnings."),
        }
    }
}
