//! What the host saw: the lines of the program, as the host would log them, and the ends of the program.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How bad a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    Information,
    Warning,
    Error,
}

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    pub severity: Severity,
    /// `Host.Function.Console` for what the program wrote.
    pub category: String,
    pub text: String,
}

impl fmt::Display for LogLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {} {}", self.severity, self.category, self.text)
    }
}

/// One end of the program that the host did not bring about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExitEvent {
    /// The exit code; 128 and the signal's number when a signal ended it; `None` when it could not be started or did
    /// not listen in time.
    pub code: Option<i32>,
    /// What the host did about it.
    pub reaction: Reaction,
}

/// What the host does about an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// Starts the program again and counts nothing.
    Restarted,
    /// Starts it again; the third such end is the last.
    CountedAndRestarted,
    /// Does nothing: older hosts, for exit code 0.
    LeftDead,
    /// Stops itself.
    HostStopped,
}

/// The shared record.
#[derive(Clone, Default)]
pub struct Journal(Arc<Mutex<Record>>);

#[derive(Default)]
struct Record {
    lines: Vec<LogLine>,
    exits: Vec<ExitEvent>,
}

impl Journal {
    fn record(&self) -> MutexGuard<'_, Record> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn log(&self, severity: Severity, category: &str, text: impl Into<String>) {
        self.record().lines.push(LogLine { severity, category: category.into(), text: text.into() });
    }

    /// Logs a line of the program's stdout or stderr.
    pub fn console(&self, stderr: bool, line: &str) {
        let severity = match stderr {
            false => Severity::Information,
            true if line.to_ascii_lowercase().contains("warn") => Severity::Warning,
            true => Severity::Error,
        };
        match (line.strip_prefix("LanguageWorkerConsoleLog"), line.strip_prefix("azfuncjsonlog:")) {
            (Some(text), _) => self.log(severity, "System", text),
            (None, Some(text)) => self.log(severity, "Tooling", text),
            (None, None) => self.log(severity, "Host.Function.Console", line),
        }
    }

    pub fn exited(&self, event: ExitEvent) {
        self.record().exits.push(event);
    }

    pub fn lines(&self) -> Vec<LogLine> {
        self.record().lines.clone()
    }

    pub fn exits(&self) -> Vec<ExitEvent> {
        self.record().exits.clone()
    }

    /// The last three errors the program wrote, which the real host puts beside an exit code.
    pub fn last_errors(&self) -> String {
        let record = self.record();
        let errors = record.lines.iter().filter(|line| line.severity == Severity::Error && line.category != "Host");
        let texts: Vec<_> = errors.map(|line| line.text.as_str()).collect();
        texts[texts.len().saturating_sub(3)..].join(",")
    }
}
