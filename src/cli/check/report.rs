//! The report of `acs-tokens check`, as text and as JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::{acs::remedy::Remedy, config::Found};

/// The settings and the results of the checks.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) endpoint: Option<String>,
    pub(super) settings: Vec<Found>,
    /// The results of the checks; empty if a setting is invalid.
    pub(super) findings: Vec<Finding>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Good,
    Failed,
    Unknown,
}

/// The result of one check.
#[derive(Debug)]
pub(super) struct Finding {
    name: &'static str,
    state: State,
    detail: String,
    remedy: Option<Remedy>,
}

impl Finding {
    pub(super) const fn good(name: &'static str, detail: String) -> Self {
        Self { name, state: State::Good, detail, remedy: None }
    }

    pub(super) const fn failed(name: &'static str, detail: String) -> Self {
        Self { name, state: State::Failed, detail, remedy: None }
    }

    /// A check that could not be made because of another failure.
    pub(super) fn unknown(name: &'static str, why: &str) -> Self {
        Self { name, state: State::Unknown, detail: why.to_owned(), remedy: None }
    }

    pub(super) fn with_remedy(self, remedy: Option<Remedy>) -> Self {
        Self { remedy, ..self }
    }
}

impl Report {
    /// Returns the number of problems.
    pub(super) fn failures(&self) -> usize {
        let errors: usize = self.settings.iter().map(|setting| setting.errors.len()).sum();
        errors + self.findings.iter().filter(|finding| finding.state == State::Failed).count()
    }

    pub(super) fn to_text(&self) -> String {
        let mut text = "Settings, from the environment\n".to_owned();
        for Found { name, is_set, value, errors } in &self.settings {
            let mut line = |mark, detail: &str| {
                let _ = writeln!(text, "  {mark:<6}  {name:<42}  {detail}");
            };
            match value {
                _ if !errors.is_empty() => errors.iter().for_each(|error| line("ERROR", error)),
                Some(value) => line("ok", value),
                None if *is_set => line("ok", "(set; not shown)"),
                None => line("-", "(not set)"),
            }
        }
        if let Some(endpoint) = &self.endpoint {
            let _ = writeln!(text, "\nACS at {endpoint}");
        }
        for Finding { name, state, detail, remedy } in &self.findings {
            let mark = match state {
                State::Good => "ok",
                State::Failed => "FAILED",
                State::Unknown => "?",
            };
            let _ = writeln!(text, "  {mark:<6}  {name:<12}  {detail}");
            if let Some(Remedy { likely_cause, remedy }) = remedy {
                let _ = writeln!(text, "{:24}cause:  {likely_cause}\n{:24}remedy: {remedy}", "", "");
            }
        }
        text + if self.failures() == 0 { "\nNo problems found." } else { "" }
    }

    pub(super) fn to_json(&self) -> String {
        let settings = self.settings.iter().map(|Found { name, is_set, value, errors }| {
            let source = is_set.then_some("environment");
            json!({ "name": name, "source": source, "value": value, "faults": errors })
        });
        let findings = self.findings.iter().map(|Finding { name, state, detail, remedy }| {
            let state = match state {
                State::Good => "ok",
                State::Failed => "failed",
                State::Unknown => "unknown",
            };
            let mut finding = json!({ "name": name, "state": state, "detail": detail });
            if let Some(Remedy { likely_cause, remedy }) = remedy {
                finding["likelyCause"] = json!(likely_cause);
                finding["remedy"] = json!(remedy);
            }
            finding
        });
        let report = json!({
            "ok": self.failures() == 0,
            "endpoint": self.endpoint,
            "settings": settings.collect::<Value>(),
            "checks": findings.collect::<Value>(),
        });
        format!("{report:#}")
    }
}
