//! What `acs-tokens check` found, told to a person or to a program.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::{config::Found, remedy::Remedy};

/// All of it.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) endpoint: Option<String>,
    pub(super) settings: Vec<Found>,
    /// What was tried with the settings; nothing where they are wrong.
    pub(super) findings: Vec<Finding>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Good,
    Failed,
    Unknown,
}

/// One thing that was tried.
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

    /// Not a failure of its own: something else has failed that stands in the way.
    pub(super) fn unknown(name: &'static str, why: &str) -> Self {
        Self { name, state: State::Unknown, detail: why.to_owned(), remedy: None }
    }

    pub(super) fn with_remedy(self, remedy: Option<Remedy>) -> Self {
        Self { remedy, ..self }
    }
}

impl Report {
    /// How many things are wrong.
    pub(super) fn failures(&self) -> usize {
        let faults: usize = self.settings.iter().map(|setting| setting.faults.len()).sum();
        faults + self.findings.iter().filter(|finding| finding.state == State::Failed).count()
    }

    pub(super) fn to_text(&self) -> String {
        let mut text = "Settings, from the environment\n".to_owned();
        for Found { name, is_set, value, faults } in &self.settings {
            let mut line = |mark, detail: &str| {
                let _ = writeln!(text, "  {mark:<6}  {name:<42}  {detail}");
            };
            match value {
                _ if !faults.is_empty() => faults.iter().for_each(|fault| line("WRONG", fault)),
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
                let _ = writeln!(text, "{:24}likely: {likely_cause}\n{:24}remedy: {remedy}", "", "");
            }
        }
        text + if self.failures() == 0 { "\nAll is well." } else { "" }
    }

    pub(super) fn to_json(&self) -> String {
        let settings = self.settings.iter().map(|Found { name, is_set, value, faults }| {
            let source = is_set.then_some("environment");
            json!({ "name": name, "source": source, "value": value, "faults": faults })
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
