//! What operators learn of a call: fields of the caller's span, and a span of its own for each try.
//!
//! The caller's span gets `tries`, `upstream_ms`, `acs_status`, `acs_code`, `ms_cv`, `acs_request_id`, `identity`,
//! `likely_cause` and `remedy`, as far as it declares them.

use std::time::Duration;

use reqwest::{
    Method, StatusCode,
    header::{HeaderMap, HeaderValue},
};
use tracing::Span;

use super::{
    Client, Error,
    endpoint::Endpoint,
    hash::short_hash,
    remedy::remedy,
    trace::{self, TraceContext},
    types::IdentityId,
};

/// One HTTP request to ACS, from its sending to the last byte of its answer, or until it is dropped.
#[derive(Debug)]
pub(super) struct Try {
    span: Span,
    context: TraceContext,
}

impl Try {
    /// A try that is about to be sent.
    pub(super) fn start(operation: &'static str, method: &Method, endpoint: &Endpoint) -> Self {
        let context = trace::next();
        let span = tracing::debug_span!(
            "try",
            operation,
            method = method.as_str(),
            server = endpoint.url().host_str(),
            port = endpoint.url().port_or_known_default(),
            trace_id = context.trace_id(),
            span_id = context.span_id(),
            parent_id = context.parent_id(),
            trace_flags = context.flags(),
            status = tracing::field::Empty,
            error = tracing::field::Empty,
        );
        Self { span, context }
    }

    /// The trace context to send.
    pub(super) fn headers(&self) -> HeaderMap {
        self.context.headers()
    }

    /// An answer has begun.
    pub(super) fn answered(&self, status: StatusCode, headers: &HeaderMap) {
        self.span.record("status", status.as_u16());
        let caller = Span::current();
        caller.record("acs_status", status.as_u16());
        caller.record("ms_cv", headers.get("ms-cv").map(HeaderValue::to_str).and_then(Result::ok));
    }

    /// No whole answer came.
    pub(super) fn broke(&self, error: impl Into<Error>) -> Error {
        let error = error.into();
        let kind = match &error {
            // Neither comes of sending.
            Error::Service(_) | Error::Credential(_) => return error,
            Error::Connect(_) => "connect",
            Error::TimedOut => "timeout",
            Error::Interrupted(_) => "interrupted",
            Error::InvalidResponse { .. } => "unintelligible",
        };
        self.span.record("error", kind);
        error
    }
}

impl Client {
    /// Leaves in the caller's span what became of a call.
    pub(super) fn note(&self, tries: u32, elapsed: Duration, error: Option<&Error>) {
        let span = Span::current();
        span.record("tries", tries);
        span.record("upstream_ms", (elapsed.as_secs_f64() * 1e6).round() / 1e3);
        let Some(error) = error else { return };
        if let Error::Service(error) = error {
            span.record("acs_code", &*error.code);
            span.record("acs_request_id", tracing::field::display(error.request_id));
        }
        if let Some(remedy) = remedy(error, (&self.settings.credential).into()) {
            span.record("likely_cause", &*remedy.likely_cause);
            span.record("remedy", &*remedy.remedy);
        }
    }

    /// Leaves in the caller's span which identity it was about.
    pub(super) fn note_identity(&self, id: &IdentityId) {
        let span = Span::current();
        if self.settings.log_identity_ids {
            span.record("identity", id.as_str());
        } else {
            span.record("identity", &*short_hash(id.as_str()));
        }
    }
}
