//! OpenTelemetry: the real `acs-tokens serve` exports to a receiver of OTLP, which decodes what came.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Bytes, extract::State, routing::post};
use opentelemetry_proto::tonic::{
    collector::{metrics::v1::ExportMetricsServiceRequest, trace::v1::ExportTraceServiceRequest},
    common::v1::{AnyValue, KeyValue, any_value::Value},
    metrics::v1::{Metric, metric::Data, number_data_point},
    trace::v1::{Span, span::SpanKind, status::StatusCode},
};
use prost::Message as _;
use serde_json::json;
use tokio::net::TcpListener;

use crate::{
    harness::Api,
    process::{Running, cli, free_port, handler, ready},
};

const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// What the receiver was sent.
#[derive(Default)]
struct Received {
    traces: Vec<ExportTraceServiceRequest>,
    metrics: Vec<ExportMetricsServiceRequest>,
}

type Shared = Arc<Mutex<Received>>;

/// A receiver of OTLP/HTTP with protobuf.
async fn receiver() -> (String, Shared) {
    let received = Shared::default();
    let app = Router::new()
        .route(
            "/v1/traces",
            post(|State(received): State<Shared>, body: Bytes| async move {
                received.lock().unwrap().traces.push(ExportTraceServiceRequest::decode(body).unwrap());
            }),
        )
        .route(
            "/v1/metrics",
            post(|State(received): State<Shared>, body: Bytes| async move {
                received.lock().unwrap().metrics.push(ExportMetricsServiceRequest::decode(body).unwrap());
            }),
        )
        .with_state(Arc::clone(&received));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    (url, received)
}

/// `acs-tokens serve` with these variables, until it is asked to stop.
struct Served {
    running: Running,
    base: String,
    http: reqwest::Client,
}

impl Served {
    async fn start(api: &Api, variables: &[(&str, &str)]) -> Self {
        let connection_string = api.connection_string();
        let own = [
            ("COMMUNICATION_SERVICES_CONNECTION_STRING", &*connection_string),
            ("ALLOW_ANONYMOUS", "true"),
            ("PORT", "0"),
        ];
        let mut running = Running::start(cli(&["serve"], &[&own, variables].concat()));
        let lines = running.until(|line| line.contains(r#""message":"serving""#)).await;
        let log: serde_json::Value = serde_json::from_str(lines.last().unwrap()).unwrap();
        let base = format!("http://{}", log["address"].as_str().unwrap());
        Self { running, base, http: reqwest::Client::builder().build().unwrap() }
    }

    async fn create(&self, traceparent: Option<&str>) -> u16 {
        let request =
            self.http.post(format!("{}/api/identities", self.base)).header("content-type", "application/json");
        let request = traceparent.into_iter().fold(request, |request, value| request.header("traceparent", value));
        request.body("{}").send().await.unwrap().status().as_u16()
    }

    /// Ends it, and with that sends what was not sent yet.
    async fn stop(mut self) {
        self.running.terminate().await;
        assert_eq!(self.running.ended().await, Some(0));
    }
}

fn text(value: Option<&AnyValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        other => panic!("{other:?}"),
    }
}

fn attribute(attributes: &[KeyValue], key: &str) -> String {
    let found = attributes.iter().find(|attribute| attribute.key == key);
    found.map_or_else(String::new, |attribute| text(attribute.value.as_ref()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

impl Received {
    fn spans(&self) -> Vec<&Span> {
        let scopes =
            self.traces.iter().flat_map(|request| &request.resource_spans).flat_map(|resource| &resource.scope_spans);
        scopes.flat_map(|scope| &scope.spans).collect()
    }

    fn services(&self) -> Vec<String> {
        let spans = self.traces.iter().flat_map(|request| &request.resource_spans).map(|resource| &resource.resource);
        let metrics =
            self.metrics.iter().flat_map(|request| &request.resource_metrics).map(|resource| &resource.resource);
        spans.chain(metrics).map(|resource| attribute(&resource.as_ref().unwrap().attributes, "service.name")).collect()
    }

    /// The last export holds the sums of all before.
    fn metric(&self, name: &str) -> &Metric {
        let resources = self.metrics.last().unwrap().resource_metrics.iter();
        let metrics = resources.flat_map(|resource| &resource.scope_metrics).flat_map(|scope| &scope.metrics);
        metrics.into_iter().find(|metric| metric.name == name).unwrap_or_else(|| panic!("{name} is missing"))
    }

    /// How many Entra tokens were got, as far as is known.
    fn refreshes(&self) -> i64 {
        let resources = self.metrics.last().into_iter().flat_map(|request| &request.resource_metrics);
        let metrics = resources.flat_map(|resource| &resource.scope_metrics).flat_map(|scope| &scope.metrics);
        let data =
            metrics.filter(|metric| metric.name == "acs.token.refreshes").filter_map(|metric| metric.data.as_ref());
        let mut points = data.flat_map(|data| match data {
            Data::Sum(sum) => &sum.data_points[..],
            other => panic!("{other:?}"),
        });
        points.find(|point| attribute(&point.attributes, "outcome") == "ok").map_or(0, |point| match point.value {
            Some(number_data_point::Value::AsInt(count)) => count,
            _ => panic!("{point:?}"),
        })
    }

    /// Of a histogram: for each set of attributes the one asked for, the count and the sum.
    fn histogram(&self, name: &str, key: &str) -> Vec<(String, u64, f64)> {
        let Some(Data::Histogram(histogram)) = &self.metric(name).data else { panic!("{name} is no histogram") };
        let points = histogram.data_points.iter();
        let mut points: Vec<_> =
            points.map(|point| (attribute(&point.attributes, key), point.count, point.sum.unwrap())).collect();
        points.sort_by(|a, b| a.0.cmp(&b.0));
        points
    }
}

#[tokio::test]
async fn dev_sends_at_its_end_what_it_holds() {
    let (url, received) = receiver().await;
    let data = tempfile::tempdir().unwrap();
    let data = ["--data", data.path().to_str().unwrap()];
    let ports = ["dev", "--port", "0", "--emulator-port", "0", "--emulator-https-port", "0"];
    let mut running = Running::start(cli(&[&ports[..], &data].concat(), &[("OTEL_EXPORTER_OTLP_ENDPOINT", &url)]));
    let lines = running.until(|line| line.ends_with("Ctrl+C stops it.")).await;
    let base = lines[0].trim_start_matches("Functions").trim().trim_end_matches("/api").to_owned();
    let served = Served { running, base, http: reqwest::Client::builder().build().unwrap() };
    assert_eq!(served.create(None).await, 201);
    served.stop().await;
    assert!(received.lock().unwrap().spans().iter().any(|span| span.name == "POST /api/identities"));
}

#[tokio::test]
async fn exports_spans_and_metrics() {
    let api = Api::direct().await;
    let (url, received) = receiver().await;
    let served = Served::start(&api, &[("OTEL_EXPORTER_OTLP_ENDPOINT", &url)]).await;
    assert_eq!(served.create(Some(TRACEPARENT)).await, 201);
    api.control(
        "POST",
        "faults",
        Some(json!({"times": 2, "answer": {"status": 429, "headers": {"retry-after": "0"}}})),
    )
    .await;
    assert_eq!(served.create(None).await, 201);
    api.control("POST", "faults", Some(json!({"answer": {"status": 401}}))).await;
    assert_eq!(served.create(None).await, 502);
    served.stop().await;

    let received = received.lock().unwrap();
    assert!(received.services().iter().all(|name| name == "acs-tokens"), "{:?}", received.services());
    let spans = received.spans();
    let of = |kind: SpanKind| spans.iter().filter(move |span| span.kind == kind as i32).collect::<Vec<_>>();
    let (requests, tries) = (of(SpanKind::Server), of(SpanKind::Client));
    assert_eq!((requests.len(), tries.len()), (3, 5));
    for request in &requests {
        assert_eq!(request.name, "POST /api/identities");
        assert_eq!(attribute(&request.attributes, "http.route"), "/api/identities");
        assert!(request.end_time_unix_nano > request.start_time_unix_nano);
    }
    let first = requests.iter().find(|span| hex(&span.trace_id) == "0af7651916cd43dd8448eb211c80319c").unwrap();
    assert_eq!(hex(&first.parent_span_id), "b7ad6b7169203331");
    assert_eq!(attribute(&first.attributes, "http.response.status_code"), "201");
    assert!(!attribute(&first.attributes, "acs_tokens.ms_cv").is_empty());
    // Each try is below a request, in its trace.
    for span in &tries {
        let above = requests.iter().find(|request| request.span_id == span.parent_span_id).unwrap();
        assert_eq!(above.trace_id, span.trace_id);
        assert_eq!(attribute(&span.attributes, "server.address"), "127.0.0.1");
    }
    let failed =
        requests.iter().find(|span| attribute(&span.attributes, "http.response.status_code") == "502").unwrap();
    assert!(failed.parent_span_id.is_empty() && failed.span_id.len() == 8);
    assert_eq!(failed.status.as_ref().unwrap().code, StatusCode::Error as i32);
    assert_eq!(attribute(&failed.attributes, "error.type"), "misconfigured");
    assert!(attribute(&failed.attributes, "acs_tokens.remedy").contains("copy key and endpoint"));

    let durations = received.histogram("http.server.request.duration", "http.response.status_code");
    let counts: Vec<(&str, u64)> = durations.iter().map(|(status, count, _)| (&**status, *count)).collect();
    assert_eq!(counts, [("201", 2), ("502", 1)]);
    assert!(
        durations.iter().all(|(_, count, sum)| *sum > 0.0 && *sum < 20.0 * f64::from(u32::try_from(*count).unwrap()))
    );
    assert_eq!(received.metric("http.server.request.duration").unit, "s");
    let upstream = received.histogram("http.client.request.duration", "http.response.status_code");
    let counts: Vec<(&str, u64)> = upstream.iter().map(|(status, count, _)| (&**status, *count)).collect();
    assert_eq!(counts, [("201", 2), ("401", 1), ("429", 2)]);
    assert_eq!(received.histogram("acs.tries", "faas.name"), [("create-identity".to_owned(), 3, 5.0)]);
    let Some(Data::Sum(throttles)) = &received.metric("acs.throttles").data else { panic!("no sum") };
    let point = &throttles.data_points[0];
    assert_eq!(
        (attribute(&point.attributes, "acs.operation"), &point.value),
        ("create-identity".to_owned(), &Some(number_data_point::Value::AsInt(2)))
    );
}

/// The Functions host kills its handler, so nothing may wait for an end.
#[tokio::test]
async fn a_handler_exports_as_it_goes() {
    let (url, received) = receiver().await;
    let mut emulator = Running::start(cli(&["emulator", "--port", "0", "--https-port", "0"], &[]));
    let printed = emulator.until(|line| line.starts_with("SSL_CERT_FILE=")).await;
    // What it prints for a workload without a key.
    let keyless = ["COMMUNICATION_SERVICES_ENDPOINT", "IDENTITY_ENDPOINT", "IDENTITY_HEADER", "SSL_CERT_FILE"];
    let keyless = printed.iter().filter_map(|line| line.split_once('=')).filter(|(name, _)| keyless.contains(name));
    let address = free_port().await;
    let port = address.port().to_string();
    let own = [
        ("FUNCTIONS_CUSTOMHANDLER_PORT", &*port),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &url),
        ("OTEL_BSP_SCHEDULE_DELAY", "50"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "50"),
    ];
    let _running = Running::start(handler(&keyless.chain(own).collect::<Vec<_>>()));
    assert_eq!(ready(&format!("http://{address}/api/health")).await.status(), 200);
    let exported = async {
        while received.lock().unwrap().spans().is_empty() || received.lock().unwrap().refreshes() != 1 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), exported).await.unwrap();
    assert_eq!(received.lock().unwrap().spans()[0].name, "GET /api/health");
}

#[tokio::test]
async fn obeys_the_standard_variables() {
    let api = Api::direct().await;
    let (url, received) = receiver().await;
    for variables in [
        &[][..],
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", "")],
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", &url), ("OTEL_SDK_DISABLED", "true")],
    ] {
        let served = Served::start(&api, variables).await;
        assert_eq!(served.create(Some(TRACEPARENT)).await, 201);
        served.stop().await;
    }
    assert!(received.lock().unwrap().services().is_empty());

    // Who did not keep the trace does not want us to; metrics count all the same.
    let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", &*url), ("OTEL_SERVICE_NAME", "contoso-tokens")];
    let served = Served::start(&api, &variables).await;
    assert_eq!(served.create(Some(&TRACEPARENT.replace("-01", "-00"))).await, 201);
    served.stop().await;
    let received = received.lock().unwrap();
    assert!(received.spans().is_empty());
    assert_eq!(received.services(), ["contoso-tokens"]);
}

#[tokio::test]
async fn a_receiver_that_is_gone_harms_no_request() {
    let api = Api::direct().await;
    let served = Served::start(&api, &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")]).await;
    assert_eq!(served.create(None).await, 201);
    served.stop().await;
}
