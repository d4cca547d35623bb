//! OpenTelemetry: traces and metrics by OTLP, as the standard `OTEL_*` variables say.
//!
//! <https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>

mod layer;
mod metrics;

use std::{error::Error, sync::OnceLock};

use opentelemetry::{Key, metrics::MeterProvider as _, trace::TracerProvider as _};
use opentelemetry_otlp::{MetricExporter, Protocol, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::{Resource, metrics::SdkMeterProvider, trace::SdkTracerProvider};

pub(super) use layer::Export;

/// Our name where the environment gives none.
const SERVICE: &str = "acs-tokens";

static PROVIDERS: OnceLock<(SdkTracerProvider, SdkMeterProvider)> = OnceLock::new();

/// The layer that exports; none where the environment names no receiver.
pub(super) fn layer() -> Result<Option<Export>, Box<dyn Error>> {
    if !is_wanted() {
        return Ok(None);
    }
    let resource = resource();
    let spans = SpanExporter::builder().with_http().with_protocol(Protocol::HttpBinary).build()?;
    let metrics = MetricExporter::builder().with_http().with_protocol(Protocol::HttpBinary).build()?;
    let tracers = SdkTracerProvider::builder()
        .with_batch_exporter(spans)
        .with_id_generator(layer::GivenIds)
        .with_resource(resource.clone())
        .build();
    let meters = SdkMeterProvider::builder().with_periodic_exporter(metrics).with_resource(resource).build();
    let export = Export::new(tracers.tracer(SERVICE), &meters.meter(SERVICE));
    let _ = PROVIDERS.set((tracers, meters));
    Ok(Some(export))
}

/// Sends what has not been sent yet, and no more after it.
pub(super) async fn flush() {
    let end = || {
        if let Some((tracers, meters)) = PROVIDERS.get() {
            for ended in [tracers.shutdown(), meters.shutdown()] {
                if let Err(error) = ended {
                    tracing::warn!(cause = %error, "the last telemetry was not sent");
                }
            }
        }
    };
    // It waits for the exporters' threads.
    let _ = tokio::task::spawn_blocking(end).await;
}

/// The SDK reads the environment for itself, all but this.
fn is_wanted() -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let disabled = std::env::var_os("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    set("OTEL_EXPORTER_OTLP_ENDPOINT") && !disabled
}

fn resource() -> Resource {
    let resource = Resource::builder().build();
    let name = resource.get(&Key::from_static_str("service.name"));
    if name.is_some_and(|name| !name.as_str().starts_with("unknown_service")) {
        return resource;
    }
    Resource::builder().with_service_name(SERVICE).build()
}
