//! The format of a log line: flat JSON for log stores, or text for a terminal.

use std::fmt;

use serde::Serialize;
use serde_json::Value;
use tracing::{Event, Subscriber};
use tracing_serde::fields::AsMap as _;
use tracing_subscriber::{
    fmt::{
        FmtContext,
        format::{FormatEvent, FormatFields, Writer},
    },
    registry::LookupSpan,
};

use crate::request_log::{self, RequestLog};

/// The format of log lines. Fields of spans are not written: only libraries have spans.
#[derive(Debug, Clone, Copy)]
pub(super) enum Line {
    /// A JSON object without nested objects.
    FlatJson,
    /// Text.
    Text,
}

/// The fields that an event of a request has besides its own.
#[derive(Serialize)]
#[serde(untagged)]
enum OfRequest<'a> {
    /// All of them, on the line that ends the request.
    Summary(&'a RequestLog),
    /// The id, on other lines.
    Id { request_id: &'a str },
}

#[derive(Serialize)]
struct Fields<'a, E: Serialize> {
    timestamp: String,
    level: &'static str,
    target: &'a str,
    #[serde(flatten)]
    request: Option<OfRequest<'a>>,
    #[serde(flatten)]
    event: E,
}

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let metadata = event.metadata();
        let is_summary = metadata.name() == request_log::SUMMARY;
        request_log::with_current(|log| {
            let request = log.map(|log| {
                if is_summary { OfRequest::Summary(log) } else { OfRequest::Id { request_id: &log.request_id } }
            });
            let fields = Fields {
                timestamp: format!("{:.3}", jiff::Timestamp::now()),
                level: metadata.level().as_str(),
                target: metadata.target(),
                request,
                event: event.field_map(),
            };
            match self {
                Self::FlatJson => writeln!(writer, "{}", serde_json::to_string(&fields).map_err(|_| fmt::Error)?),
                Self::Text => write_text(&mut writer, &serde_json::to_value(&fields).map_err(|_| fmt::Error)?),
            }
        })
    }
}

/// Writes `<time> <level> <message> <name>=<value> …`.
fn write_text(writer: &mut Writer<'_>, fields: &Value) -> fmt::Result {
    let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
    write!(writer, "{} {:>5} {}", text("timestamp"), text("level"), text("message"))?;
    for (name, value) in fields.as_object().into_iter().flatten() {
        match value {
            _ if matches!(name.as_str(), "timestamp" | "level" | "target" | "message") => {}
            Value::String(word) if !word.contains(' ') => write!(writer, " {name}={word}")?,
            // Quoted.
            value => write!(writer, " {name}={value}")?,
        }
    }
    writeln!(writer)
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;
    use crate::request_log::Ending;

    #[derive(Clone, Default)]
    struct Output(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Output {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Returns the lines of a warning within a request, and of its end.
    async fn lines(line: Line) -> Vec<String> {
        let output = Output::default();
        let writer = output.clone();
        let layer = tracing_subscriber::fmt::layer().event_format(line).with_writer(move || writer.clone());
        let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
        let request = request_log::Request::start("the-id".to_owned(), &http::Method::GET, &http::HeaderMap::new());
        request.scope(async { tracing::warn!(number = 1, text = "two words", "a warning") }).await;
        request.finish(|log| {
            log.outcome = "done";
            Ending { level: tracing::Level::INFO, message: "answered request" }
        });
        let bytes = output.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect()
    }

    #[tokio::test]
    async fn events_of_a_request_are_json_or_text() {
        let json = lines(Line::FlatJson).await;
        let json: Vec<Value> = json.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        let [warning, end] = &json[..] else { panic!("{json:?}") };
        assert_eq!((&warning["level"], &warning["message"]), (&"WARN".into(), &"a warning".into()));
        assert_eq!((&warning["number"], &warning["request_id"]), (&1.into(), &"the-id".into()));
        assert_eq!(warning["method"], Value::Null);
        assert_eq!((&end["method"], &end["outcome"]), (&"GET".into(), &"done".into()));

        let text = lines(Line::Text).await;
        let [warning, end] = &text[..] else { panic!("{text:?}") };
        assert!(warning.ends_with(r#"  WARN a warning number=1 request_id=the-id text="two words""#), "{warning}");
        assert!(end.contains("  INFO answered request ") && end.contains(" outcome=done "), "{end}");
    }
}
