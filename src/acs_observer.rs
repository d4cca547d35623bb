//! Records each ACS call in the request log.

use acs_identity::{Attempt, AttemptOutcome, CallSummary, Error, IdentityId, KeySlot, Observer, Retry, causes};

use crate::{
    remedy::{CredentialKind, remedy},
    request_log::{self, LoggedIdentity},
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

    fn record_identity(&self, id: Option<&IdentityId>) {
        if let Some(id) = id {
            request_log::record(|log| {
                if self.log_identity_ids {
                    log.identity = Some(LoggedIdentity::Whole(id.as_str().to_owned()));
                } else {
                    log.set_identity(id.as_str());
                }
            });
        }
    }
}

impl Observer for AcsObserver {
    fn attempt_started(&self, attempt: &mut Attempt<'_>) {
        // Recorded at the start as well, for calls that are cancelled.
        self.record_identity(attempt.identity);
        attempt.headers.extend(request_log::trace_of_call().headers());
    }

    fn attempt_ended(&self, _: &Attempt<'_>, outcome: &AttemptOutcome<'_>) {
        let Some(status) = outcome.status else { return };
        let ms_cv = outcome.headers.get("ms-cv").and_then(|value| value.to_str().ok());
        request_log::record(|log| {
            log.acs_status = Some(status.as_u16());
            log.ms_cv = ms_cv.map(str::to_owned);
        });
    }

    fn retrying(&self, retry: &Retry<'_>) {
        let Retry { attempts, wait, error, .. } = retry;
        tracing::debug!(tries = attempts, wait_ms = wait.as_millis(), cause = causes(*error), "trying again");
    }

    fn key_switched(&self, denied: KeySlot) {
        tracing::warn!(?denied, "ACS denied an access key; the other one is used from now on");
    }

    fn call_ended(&self, call: &CallSummary<'_>) {
        self.record_identity(call.identity);
        let service_error = match call.error {
            Some(Error::Service(error)) => Some(error),
            _ => None,
        };
        let (likely_cause, remedy) = call
            .error
            .and_then(|error| remedy(error, self.credential))
            .map(|remedy| (remedy.likely_cause.to_string(), remedy.remedy.to_string()))
            .unzip();
        request_log::record(|log| {
            log.tries = Some(call.attempts);
            log.upstream_ms = Some((call.elapsed.as_secs_f64() * 1e6).round() / 1e3);
            log.acs_code = service_error.map(|error| error.code.clone());
            log.acs_request_id = service_error.map(|error| error.request_id.to_string());
            log.likely_cause = likely_cause;
            log.remedy = remedy;
        });
    }
}
