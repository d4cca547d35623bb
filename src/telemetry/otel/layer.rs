//! From the spans of `tracing` to those of OpenTelemetry, and to its metrics.
//!
//! Two spans count: `request` (around each request) and `try` (around each HTTP request to ACS); and one event,
//! `refresh`. All they know stands in their fields, the ids of the trace too.

use std::{
    cell::Cell,
    collections::BTreeMap,
    fmt,
    time::{Duration, Instant, SystemTime},
};

use opentelemetry::{
    Context as OtelContext, KeyValue, SpanId, TraceFlags, TraceId, Value,
    metrics::Meter,
    trace::{Span as _, SpanBuilder, SpanContext, SpanKind, Status, TraceContextExt as _, TraceState, Tracer as _},
};
use opentelemetry_sdk::trace::{IdGenerator, SdkTracer, Span as SdkSpan};
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{Layer, layer::Context, registry::LookupSpan};

use super::metrics::Metrics;

/// The methods that metrics tell apart (RFC 9110 and PATCH). A stranger may send any other.
const METHODS: [&str; 9] = ["CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"];

thread_local! {
    static NEXT: Cell<(TraceId, SpanId)> = const { Cell::new((TraceId::INVALID, SpanId::INVALID)) };
}

/// Gives a span the ids that it has already: they are on the log, and were sent to ACS.
#[derive(Debug)]
pub(super) struct GivenIds;

impl IdGenerator for GivenIds {
    fn new_trace_id(&self) -> TraceId {
        NEXT.get().0
    }

    fn new_span_id(&self) -> SpanId {
        NEXT.get().1
    }
}

/// The layer.
#[derive(Debug)]
pub(crate) struct Export {
    tracer: SdkTracer,
    metrics: Metrics,
}

/// A span under way.
struct Running {
    start: (SystemTime, Instant),
    fields: Fields,
    span: SdkSpan,
}

impl Export {
    pub(super) fn new(tracer: SdkTracer, meter: &Meter) -> Self {
        Self { tracer, metrics: Metrics::new(meter) }
    }

    /// Whether something counts here.
    pub(crate) fn counts(metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("acs_tokens::") && matches!(metadata.name(), "request" | "try" | "refresh")
    }

    fn start(&self, kind: SpanKind, fields: &Fields, above: Option<&SpanContext>) -> SdkSpan {
        let trace_id = fields.text("trace_id").and_then(|id| TraceId::from_hex(&id).ok()).unwrap_or(TraceId::INVALID);
        let id = |name| fields.text(name).and_then(|id| SpanId::from_hex(&id).ok());
        let flags =
            fields.text("trace_flags").and_then(|flags| u8::from_str_radix(&flags, 16).ok()).unwrap_or_default();
        let remote = || {
            let flags = TraceFlags::new(flags);
            id("parent_id").map(|id| SpanContext::new(trace_id, id, flags, true, TraceState::default()))
        };
        let parent = above.cloned().or_else(remote);
        let context = OtelContext::new();
        let context = parent.map_or_else(|| context.clone(), |parent| context.with_remote_span_context(parent));
        NEXT.set((trace_id, id("span_id").unwrap_or(SpanId::INVALID)));
        let name = fields.text("method").unwrap_or_default();
        self.tracer.build_with_context(SpanBuilder::from_name(name).with_kind(kind), &context)
    }

    fn end(&self, is_request: bool, running: Running) {
        let Running { start: (start, instant), fields, mut span } = running;
        // Tasks that outlive the request keep its span open; the request has ended when it was answered.
        let seconds = fields.milliseconds("duration_ms").unwrap_or_else(|| instant.elapsed().as_secs_f64());
        let attributes = if is_request { server_attributes(&fields) } else { client_attributes(&fields) };
        if is_request {
            self.metrics.request(&fields, seconds, &attributes);
            if let (Some(method), Some(route)) = (fields.text("method"), fields.text("route")) {
                span.update_name(format!("{method} {route}"));
            }
        } else {
            self.metrics.upstream(&fields, seconds, &attributes);
        }
        if attributes.iter().any(|attribute| attribute.key.as_str() == "error.type") {
            span.set_status(Status::error(fields.text("cause").unwrap_or_default()));
        }
        span.set_attributes(attributes);
        for name in ["identity", "request_id", "tries", "acs_code", "acs_request_id", "ms_cv", "likely_cause", "remedy"]
        {
            if let Some(value) = fields.get(name) {
                span.set_attribute(KeyValue::new(format!("acs_tokens.{name}"), value.clone()));
            }
        }
        span.end_with_timestamp(start + Duration::from_secs_f64(seconds));
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Export {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(entry) = context.span(id) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let kind = if entry.name() == "request" { SpanKind::Server } else { SpanKind::Client };
        let above = entry
            .parent()
            .and_then(|parent| parent.extensions().get::<Running>().map(|running| running.span.span_context().clone()));
        let span = self.start(kind, &fields, above.as_ref());
        entry.extensions_mut().insert(Running { start: (SystemTime::now(), Instant::now()), fields, span });
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(entry) = context.span(id)
            && let Some(running) = entry.extensions_mut().get_mut::<Running>()
        {
            values.record(&mut running.fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        if fields.text("cached").as_deref() == Some("Entra token") {
            self.metrics.token_refresh(&fields);
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        if let Some(entry) = context.span(&id)
            && let Some(running) = entry.extensions_mut().remove::<Running>()
        {
            self.end(entry.name() == "request", running);
        }
    }
}

/// <https://opentelemetry.io/docs/specs/semconv/http/http-metrics/#http-server>
fn server_attributes(fields: &Fields) -> Vec<KeyValue> {
    let status = fields.number("status");
    // RFC 9457 calls it a problem's code; a request without a status is one whose caller went away.
    let error = match status {
        Some(..500) => None,
        Some(status) => Some(fields.text("code").unwrap_or_else(|| status.to_string())),
        None => Some("cancelled".to_owned()),
    };
    let mut attributes = vec![method(fields), KeyValue::new("url.scheme", "http")];
    attributes.extend(fields.get("route").map(|route| KeyValue::new("http.route", route.clone())));
    attributes.extend(fields.get("status").map(|status| KeyValue::new("http.response.status_code", status.clone())));
    attributes.extend(error.map(|error| KeyValue::new("error.type", error)));
    attributes
}

/// <https://opentelemetry.io/docs/specs/semconv/http/http-metrics/#http-client>
fn client_attributes(fields: &Fields) -> Vec<KeyValue> {
    let error = match (fields.text("error"), fields.number("status")) {
        (Some(error), _) => Some(error),
        (None, Some(..400)) => None,
        (None, Some(status)) => Some(status.to_string()),
        (None, None) => Some("cancelled".to_owned()),
    };
    let mut attributes = vec![method(fields)];
    for (name, key) in [
        ("server", "server.address"),
        ("port", "server.port"),
        ("operation", "acs.operation"),
        ("status", "http.response.status_code"),
    ] {
        attributes.extend(fields.get(name).map(|value| KeyValue::new(key, value.clone())));
    }
    attributes.extend(error.map(|error| KeyValue::new("error.type", error)));
    attributes
}

fn method(fields: &Fields) -> KeyValue {
    let method = fields.text("method").filter(|method| METHODS.contains(&method.as_str()));
    KeyValue::new("http.request.method", method.unwrap_or_else(|| "_OTHER".to_owned()))
}

/// The fields of a span or an event.
#[derive(Debug, Default)]
pub(super) struct Fields(BTreeMap<&'static str, Value>);

impl Fields {
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    pub(super) fn number(&self, name: &str) -> Option<u64> {
        match self.get(name) {
            Some(Value::I64(number)) => u64::try_from(*number).ok(),
            _ => None,
        }
    }

    fn milliseconds(&self, name: &str) -> Option<f64> {
        match self.get(name) {
            Some(Value::F64(milliseconds)) => Some(milliseconds / 1e3),
            _ => None,
        }
    }

    fn text(&self, name: &str) -> Option<String> {
        self.get(name).map(|value| value.as_str().into_owned())
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.insert(field.name(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name(), i64::try_from(value).unwrap_or(i64::MAX).into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned().into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}").into());
    }
}
