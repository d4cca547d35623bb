//! Log lines: written to stdout, as JSON, or as text on a terminal.

mod line;
mod text;

use std::{io::IsTerminal as _, str::FromStr};

use tracing_subscriber::{
    Layer as _,
    filter::{LevelFilter, Targets},
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Text for people: for a request, the time, level, function, status, duration and code.
    Text,
    /// One JSON object per line, without nested objects.
    Json,
}

/// The error for a text that is not the name of a format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be `text` or `json`")]
pub struct UnknownFormat;

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(UnknownFormat),
        }
    }
}

/// Writes all log lines to stdout, which Azure Functions reads as information. It reads stderr as errors. A panic is a log
/// line too, instead of several lines of text. Without a format, lines are text on a terminal and JSON elsewhere.
pub fn init(filter: Targets, format: Option<Format>) {
    let format = format.unwrap_or(if std::io::stdout().is_terminal() { Format::Text } else { Format::Json });
    let layer = tracing_subscriber::fmt::layer().event_format(format).with_filter(filter);
    // A second call has no effect.
    let _ = tracing_subscriber::registry().with(layer).try_init();
    std::panic::set_hook(Box::new(|panic| {
        tracing::error!(cause = panic.to_string().replace('\n', " "), "panicked");
    }));
}

/// Writes warnings and errors to stderr as text, for a command that writes its result to stdout.
pub fn init_stderr() {
    let layer = tracing_subscriber::fmt::layer().compact().with_ansi(false).with_writer(std::io::stderr);
    let registry = tracing_subscriber::registry().with(Targets::new().with_default(LevelFilter::WARN));
    let _ = registry.with(layer).try_init();
}
