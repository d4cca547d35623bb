//! The event of a log line, and its format as flat JSON for log stores.

use std::fmt;

use serde::{Serialize, Serializer, ser::SerializeMap};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_serde::SerdeMapVisitor;
use tracing_subscriber::{
    fmt::{
        FmtContext,
        format::{FormatEvent, FormatFields, Writer},
    },
    registry::LookupSpan,
};

use super::{Format, text};
use crate::request_log::{self, RequestLog};

/// The name of the field with the message.
const MESSAGE: &str = "message";

/// The fields that an event of a request has besides its own.
#[derive(Serialize)]
#[serde(untagged)]
enum OfRequest<'a> {
    /// All of them, on the line that ends the request.
    Summary(&'a RequestLog),
    /// The id, on other lines.
    Id { request_id: &'a str },
}

/// The fields of a line. The first three are first in each line, so that it can be read.
#[derive(Serialize)]
pub(super) struct Fields<'a> {
    pub(super) timestamp: String,
    pub(super) level: &'static str,
    pub(super) message: String,
    target: &'a str,
    #[serde(flatten)]
    request: Option<OfRequest<'a>>,
    #[serde(flatten)]
    event: Others<'a, 'a>,
}

// Fields of spans are not written: only libraries have spans.
impl<S, N> FormatEvent<S, N> for Format
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
                message: Message::of(event),
                target: metadata.target(),
                request,
                event: Others(event),
            };
            match (self, log) {
                (Self::Json, _) => writeln!(writer, "{}", serde_json::to_string(&fields).map_err(|_| fmt::Error)?),
                (Self::Text, Some(log)) if is_summary => text::write_request(&mut writer, &fields, log),
                (Self::Text, _) => text::write_event(&mut writer, &fields),
            }
        })
    }
}

/// The message of an event.
#[derive(Default)]
struct Message(String);

impl Message {
    fn of(event: &Event<'_>) -> String {
        let mut message = Self::default();
        event.record(&mut message);
        message.0
    }
}

impl Visit for Message {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == MESSAGE {
            value.clone_into(&mut self.0);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == MESSAGE {
            self.0 = format!("{value:?}");
        }
    }
}

/// The fields of an event without the message.
struct Others<'a, 'b>(&'a Event<'b>);

impl Serialize for Others<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut visitor = WithoutMessage(SerdeMapVisitor::new(serializer.serialize_map(None)?));
        self.0.record(&mut visitor);
        visitor.0.finish()
    }
}

struct WithoutMessage<S: SerializeMap>(SerdeMapVisitor<S>);

/// Passes each field on except the message.
macro_rules! pass_on {
    ($($method:ident: $type:ty),*) => {
        $(fn $method(&mut self, field: &Field, value: $type) {
            if field.name() != MESSAGE {
                self.0.$method(field, value);
            }
        })*
    };
}

impl<S: SerializeMap> Visit for WithoutMessage<S> {
    pass_on!(record_str: &str, record_bool: bool, record_u64: u64, record_i64: i64, record_f64: f64, record_debug: &dyn fmt::Debug);
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use serde_json::Value;
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
    async fn lines(line: Format) -> Vec<String> {
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
    async fn json_starts_with_timestamp_level_and_message() {
        let lines = lines(Format::Json).await;
        let json: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        let [warning, end] = &json[..] else { panic!("{json:?}") };
        assert_eq!((&warning["level"], &warning["message"]), (&"WARN".into(), &"a warning".into()));
        assert_eq!((&warning["number"], &warning["request_id"]), (&1.into(), &"the-id".into()));
        assert_eq!(warning["method"], Value::Null);
        assert_eq!((&end["method"], &end["outcome"]), (&"GET".into(), &"done".into()));
        for (line, level, message) in [(&lines[0], "WARN", "a warning"), (&lines[1], "INFO", "answered request")] {
            let (timestamp, rest) = line.strip_prefix("{\"timestamp\":\"").unwrap().split_once('"').unwrap();
            assert!(timestamp.parse::<jiff::Timestamp>().is_ok(), "{line}");
            assert!(rest.starts_with(&format!(r#","level":"{level}","message":"{message}","target":"#)), "{line}");
            assert_eq!(line.matches("\"message\"").count(), 1, "{line}");
        }
    }

    #[tokio::test]
    async fn text_has_one_line_for_a_request() {
        let lines = lines(Format::Text).await;
        let [warning, end] = &lines[..] else { panic!("{lines:?}") };
        let warning = warning.split_once(' ').unwrap().1;
        assert_eq!(warning, r#"WARN  a warning number=1 request_id=the-id text="two words""#);
        let end: Vec<&str> = end.split_whitespace().skip(1).collect();
        let duration: f64 = end[3].parse().unwrap();
        assert!(duration >= 0.0 && [end[0], end[1], end[2], end[4]] == ["INFO", "GET", "-", "ms"], "{end:?}");
        assert_eq!(end.len(), 5, "{end:?}");
    }
}
