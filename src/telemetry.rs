//! Log lines: written to stdout, as JSON, or as text on a terminal.

mod line;

use std::io::IsTerminal as _;

use tracing_subscriber::{
    Layer as _,
    filter::{LevelFilter, Targets},
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

/// Writes all log lines to stdout, which Azure Functions reads as information. It reads stderr as errors. A panic is a log
/// line too, instead of several lines of text.
pub fn init(filter: Targets) {
    let line = if std::io::stdout().is_terminal() { line::Line::Text } else { line::Line::FlatJson };
    let layer = tracing_subscriber::fmt::layer().event_format(line).with_filter(filter);
    // A second call has no effect.
    let _ = tracing_subscriber::registry().with(layer).try_init();
    std::panic::set_hook(Box::new(|panic| {
        tracing::error!(cause = panic.to_string().replace('\n', " "), "panicked");
    }));
}

/// Writes warnings and errors to stderr as text, for a command that writes its result to stdout.
pub fn init_stderr() {
    let layer = tracing_subscriber::fmt::layer()
        .compact()
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let registry = tracing_subscriber::registry().with(Targets::new().with_default(LevelFilter::WARN));
    let _ = registry.with(layer).try_init();
}
