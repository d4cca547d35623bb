//! Where log lines go: to stdout, as JSON where no person is looking. Where traces and metrics go: feature `otel`.

mod line;
#[cfg(feature = "otel")]
mod otel;

use std::io::IsTerminal as _;

use tracing::Subscriber;
use tracing_subscriber::{
    Layer,
    filter::{LevelFilter, Targets},
    fmt::format::JsonFields,
    layer::SubscriberExt as _,
    registry::LookupSpan,
    util::SubscriberInitExt as _,
};

/// Sends every log line to stdout: as text to a terminal, else as JSON. Azure takes stderr for errors.
///
/// With the feature `otel` and `OTEL_EXPORTER_OTLP_ENDPOINT` set, traces and metrics are exported as well.
pub fn init(filter: Targets) {
    let registry = tracing_subscriber::registry().with(lines().with_filter(filter));
    #[cfg(feature = "otel")]
    {
        use tracing_subscriber::filter::filter_fn;

        let (export, error) = match otel::layer() {
            Ok(export) => (export, None),
            Err(error) => (None, Some(error)),
        };
        let filter = filter_fn(otel::Export::counts);
        // A second call, as in a test, changes nothing.
        let _ = registry.with(export.map(|export| export.with_filter(filter))).try_init();
        if let Some(error) = error {
            tracing::error!(cause = %error, "no telemetry is exported: the OTEL_* variables are wrong");
        }
    }
    #[cfg(not(feature = "otel"))]
    let _ = registry.try_init();
}

/// Sends what the exporters still hold; for a program that ends in peace.
#[cfg_attr(not(feature = "otel"), expect(clippy::unused_async, reason = "its twin awaits"))]
pub async fn flush() {
    #[cfg(feature = "otel")]
    otel::flush().await;
}

fn lines<S: Subscriber + for<'a> LookupSpan<'a>>() -> impl Layer<S> {
    let line = if std::io::stdout().is_terminal() { line::Line::Text } else { line::Line::FlatJson };
    tracing_subscriber::fmt::layer().fmt_fields(JsonFields::new()).event_format(line)
}

/// Sends warnings and errors to stderr as text: for a command whose stdout is its result.
pub fn init_aside() {
    let layer = tracing_subscriber::fmt::layer()
        .compact()
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let registry = tracing_subscriber::registry().with(Targets::new().with_default(LevelFilter::WARN));
    let _ = registry.with(layer).try_init();
}
