//! The instruments. docs/operations.md lists them.

use opentelemetry::{
    KeyValue, Value,
    metrics::{Counter, Histogram, Meter},
};

use super::layer::Fields;

/// Seconds, as the semantic conventions advise.
/// <https://opentelemetry.io/docs/specs/semconv/http/http-metrics/>
const SECONDS: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// All of them.
#[derive(Debug)]
pub(super) struct Metrics {
    server_duration: Histogram<f64>,
    client_duration: Histogram<f64>,
    tries: Histogram<u64>,
    throttles: Counter<u64>,
    token_refreshes: Counter<u64>,
}

impl Metrics {
    pub(super) fn new(meter: &Meter) -> Self {
        let duration = |name: &'static str, description: &'static str| {
            let builder = meter.f64_histogram(name).with_unit("s").with_description(description);
            builder.with_boundaries(SECONDS.to_vec()).build()
        };
        let counter = |name: &'static str, unit: &'static str, description: &'static str| {
            meter.u64_counter(name).with_unit(unit).with_description(description).build()
        };
        Self {
            server_duration: duration("http.server.request.duration", "Duration of HTTP server requests."),
            client_duration: duration("http.client.request.duration", "Duration of HTTP client requests."),
            tries: meter
                .u64_histogram("acs.tries")
                .with_unit("{try}")
                .with_description("HTTP requests that one call to ACS took.")
                .with_boundaries(vec![1.0, 2.0, 3.0])
                .build(),
            throttles: counter("acs.throttles", "{answer}", "Answers 429 of ACS."),
            token_refreshes: counter("acs.token.refreshes", "{refresh}", "Entra tokens asked for."),
        }
    }

    /// A request of ours has been answered.
    pub(super) fn request(&self, fields: &Fields, seconds: f64, attributes: &[KeyValue]) {
        self.server_duration.record(seconds, attributes);
        if let Some(tries) = fields.number("tries") {
            let function = fields.get("function").map(|name| KeyValue::new("faas.name", name.clone()));
            self.tries.record(tries, function.as_slice());
        }
    }

    /// A try at ACS has ended.
    pub(super) fn upstream(&self, fields: &Fields, seconds: f64, attributes: &[KeyValue]) {
        self.client_duration.record(seconds, attributes);
        if fields.number("status") == Some(429) {
            let operation = fields.get("operation").map(|name| KeyValue::new("acs.operation", name.clone()));
            self.throttles.add(1, operation.as_slice());
        }
    }

    /// An Entra token was asked for.
    pub(super) fn token_refresh(&self, fields: &Fields) {
        let outcome = fields.get("outcome").cloned().unwrap_or(Value::from("unknown"));
        self.token_refreshes.add(1, &[KeyValue::new("outcome", outcome)]);
    }
}
