//! Records each ACS call for the request log, and each attempt as a span of its own.
//!
//! The caller's span gets `tries`, `upstream_ms`, `acs_status`, `acs_code`, `ms_cv`, `acs_request_id`, `identity`,
//! `likely_cause` and `remedy`, as far as it declares these fields.

use acs_identity::{Attempt, AttemptOutcome, CallSummary, Error, IdentityId, KeySlot, Observer, Retry, causes};
use http::HeaderValue;
use tracing::{Span, field::Empty};

use crate::{
    remedy::{CredentialKind, remedy},
    short_hash::short_hash,
    trace_context::TraceContext,
};

/// The observer of the ACS client.
#[derive(Debug)]
pub struct AcsObserver {
    credential: CredentialKind,
    log_identity_ids: bool,
}

impl AcsObserver {
    /// Creates an observer. Remedies depend on the kind of credential.
    #[must_use]
    pub const fn new(credential: CredentialKind, log_identity_ids: bool) -> Self {
        Self { credential, log_identity_ids }
    }

    fn record_identity(&self, id: &IdentityId) {
        if self.log_identity_ids {
            Span::current().record("identity", id.as_str());
        } else {
            Span::current().record("identity", &*short_hash(id.as_str()));
        }
    }
}

impl Observer for AcsObserver {
    fn attempt_started(&self, attempt: &mut Attempt<'_>) {
        // Recorded at the start as well, for calls that are cancelled.
        if let Some(id) = attempt.identity {
            self.record_identity(id);
        }
        let context = TraceContext::child_of_current();
        let span = tracing::debug_span!(
            "try",
            operation = attempt.operation,
            method = attempt.method.as_str(),
            server = attempt.url.host_str(),
            port = attempt.url.port_or_known_default(),
            trace_id = context.trace_id(),
            span_id = context.span_id(),
            parent_id = context.parent_id(),
            trace_flags = context.flags(),
            status = Empty,
            error = Empty,
        );
        attempt.headers.extend(context.headers());
        attempt.extensions.insert(span);
    }

    fn attempt_ended(&self, attempt: &Attempt<'_>, outcome: &AttemptOutcome<'_>) {
        let span = attempt.extensions.get().cloned().unwrap_or_else(Span::none);
        if let Some(status) = outcome.status {
            span.record("status", status.as_u16());
            let caller = Span::current();
            caller.record("acs_status", status.as_u16());
            caller.record("ms_cv", outcome.headers.get("ms-cv").map(HeaderValue::to_str).and_then(Result::ok));
        }
        span.record(
            "error",
            match outcome.error {
                // A status says enough.
                None | Some(Error::Service(_) | Error::Credential(_)) => None,
                Some(Error::Connect(_)) => Some("connect"),
                Some(Error::TimedOut) => Some("timeout"),
                Some(Error::Interrupted(_)) => Some("interrupted"),
                Some(Error::InvalidResponse { .. }) => Some("invalid-response"),
            },
        );
    }

    fn retrying(&self, retry: &Retry<'_>) {
        let Retry { attempts, wait, error, .. } = retry;
        tracing::debug!(tries = attempts, wait_ms = wait.as_millis(), cause = causes(*error), "trying again");
    }

    fn key_switched(&self, denied: KeySlot) {
        tracing::warn!(?denied, "ACS denied an access key; the other one comes first from now on");
    }

    fn call_ended(&self, call: &CallSummary<'_>) {
        if let Some(id) = call.identity {
            self.record_identity(id);
        }
        let span = Span::current();
        span.record("tries", call.attempts);
        span.record("upstream_ms", (call.elapsed.as_secs_f64() * 1e6).round() / 1e3);
        let Some(error) = call.error else { return };
        if let Error::Service(error) = error {
            span.record("acs_code", &*error.code);
            span.record("acs_request_id", tracing::field::display(error.request_id));
        }
        if let Some(remedy) = remedy(error, self.credential) {
            span.record("likely_cause", &*remedy.likely_cause);
            span.record("remedy", &*remedy.remedy);
        }
    }
}
