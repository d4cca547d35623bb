//! The host's log: the lines and the ends of the program.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The severity of a line.
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
    /// True for lines of the program.
    pub is_console: bool,
    pub text: String,
}

impl fmt::Display for LogLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.severity, self.text)
    }
}

/// An end of the program that the host did not cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExitEvent {
    /// The exit code; 128 and the signal's number when a signal ended it; `None` when it could not be started or did
    /// not listen in time.
    pub code: Option<i32>,
    /// The host's reaction.
    pub reaction: Reaction,
}

/// The host's reaction to an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// Restarts the program without counting a failure: exit code 0.
    Restarted,
    /// Restarts the program and counts a failure.
    CountedAndRestarted,
    /// Stops at the third failure.
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

    /// Logs a line of the host.
    pub fn log(&self, severity: Severity, text: impl Into<String>) {
        self.record().lines.push(LogLine { severity, is_console: false, text: text.into() });
    }

    /// Logs a line of the program's stdout or stderr.
    pub fn console(&self, stderr: bool, line: &str) {
        let severity = match stderr {
            false => Severity::Information,
            true if line.to_ascii_lowercase().contains("warn") => Severity::Warning,
            true => Severity::Error,
        };
        self.record().lines.push(LogLine { severity, is_console: true, text: line.to_owned() });
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

    /// Returns the last three errors of the program, which the real host prints with the exit code.
    pub fn last_errors(&self) -> String {
        let record = self.record();
        let errors = record.lines.iter().filter(|line| line.severity == Severity::Error && line.is_console);
        let texts: Vec<_> = errors.map(|line| line.text.as_str()).collect();
        texts[texts.len().saturating_sub(3)..].join(",")
    }
}
