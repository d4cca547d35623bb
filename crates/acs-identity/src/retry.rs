//! Decides whether and when a failed attempt is repeated: one pure function of the operation and the error.
//!
//! An SDK that repeats `POST /identities` like any other call may create identities with unknown ids. Here, creating is
//! repeated only if the failed attempt cannot have created an identity.

use std::time::Duration;

use reqwest::StatusCode;

use crate::{Error, ErrorKind, is_transient, retry_after};

/// The maximum number of attempts of one call.
pub(crate) const MAX_ATTEMPTS: u32 = 3;

/// The wait before the second attempt if ACS asks for none. It doubles with each further attempt.
const FIRST_WAIT: Duration = Duration::from_millis(200);

/// The longest wait of a call that ACS throttled. With longer waits, calls would queue up here until the quota of the
/// resource is renewed, and would then exceed it together. Repeated calls also count against the quota:
/// <https://learn.microsoft.com/azure/communication-services/concepts/service-limits>.
const MAX_THROTTLED_WAIT: Duration = Duration::from_secs(1);

/// Whether an operation may be carried out twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Idempotency {
    /// A second attempt is harmless: issue, revoke, delete, exchange.
    Idempotent,
    /// A second attempt may create a second identity.
    NotIdempotent,
}

/// Returns the time to wait before the next attempt, or `None` if there is to be none.
///
/// `attempts` is the number of attempts so far, `left` the time until the deadline of the call, and `jitter` a random
/// number from 0 to 1 that spreads the attempts of calls that failed together.
pub(crate) fn wait(
    idempotency: Idempotency,
    error: &Error,
    attempts: u32,
    left: Duration,
    jitter: f64,
) -> Option<Duration> {
    let asked = match error {
        Error::Connect(_) => None,
        Error::Credential(error) if is_transient(error) => retry_after(error),
        Error::Credential(_) => return None,
        Error::Service(error) => {
            let not_carried_out = match error.kind {
                ErrorKind::Throttled if error.retry_after.is_some_and(|wait| wait > MAX_THROTTLED_WAIT) => return None,
                ErrorKind::Throttled => true,
                // A 503 with Retry-After was rejected before it was processed; any other may have been processed.
                ErrorKind::Failed => error.status == StatusCode::SERVICE_UNAVAILABLE && error.retry_after.is_some(),
                // A proxy that answered in place of ACS may let the next request pass.
                ErrorKind::Other => false,
                ErrorKind::Denied
                | ErrorKind::IdentityNotOwned
                | ErrorKind::IdentityNotFound
                | ErrorKind::InvalidAccessToken
                | ErrorKind::LicenseMissing
                | ErrorKind::SubscriptionNotAllowed
                | ErrorKind::NotAssigned
                | ErrorKind::ServicePrincipalMissing
                | ErrorKind::AssignmentNotFound
                | ErrorKind::UnsupportedApiVersion
                | ErrorKind::ValidationError => return None,
            };
            if idempotency == Idempotency::NotIdempotent && !not_carried_out {
                return None;
            }
            error.retry_after
        }
        Error::TimedOut | Error::Interrupted(_) | Error::InvalidResponse { .. } => match idempotency {
            Idempotency::Idempotent => None,
            Idempotency::NotIdempotent => return None,
        },
    };
    if attempts >= MAX_ATTEMPTS {
        return None;
    }
    let backoff = FIRST_WAIT * 2_u32.pow(attempts.saturating_sub(1));
    // The jitter takes up to half of it away.
    let wait = asked.unwrap_or_default().max(backoff.mul_f64(f64::midpoint(1.0, jitter.clamp(0.0, 1.0))));
    // A wait beyond the deadline would end in a timeout and hide the error of ACS.
    (wait < left).then_some(wait)
}

#[cfg(test)]
mod tests {
    use azure_core::error::ErrorKind as AzureErrorKind;
    use reqwest::header::HeaderMap;
    use uuid::Uuid;

    use super::*;
    use crate::{InvalidResponseReason, ServiceError};

    const LEFT: Duration = Duration::from_secs(20);

    fn service(status: u16, retry_after: Option<u64>) -> Error {
        with_body(status, retry_after, "")
    }

    fn with_code(status: u16, code: &str) -> Error {
        with_body(status, None, &format!(r#"{{"error":{{"code":"{code}","message":"m"}}}}"#))
    }

    fn with_body(status: u16, retry_after: Option<u64>, body: &str) -> Error {
        let headers = retry_after.map(|seconds| ("retry-after".parse().unwrap(), seconds.into()));
        let headers: HeaderMap = headers.into_iter().collect();
        let status = StatusCode::from_u16(status).unwrap();
        Error::Service(Box::new(ServiceError::from_response(status, &headers, body.as_bytes(), Uuid::nil())))
    }

    fn credential(kind: AzureErrorKind) -> Error {
        Error::Credential(azure_core::Error::with_message(kind, "failed"))
    }

    #[test]
    fn creating_is_repeated_only_if_it_was_not_carried_out() {
        let invalid = Error::InvalidResponse { status: StatusCode::CREATED, reason: InvalidResponseReason::Body };
        for (error, idempotent, not_idempotent) in [
            (with_code(400, "ValidationError"), false, false),
            (with_code(400, "UnsupportedApiVersion"), false, false),
            (with_code(401, "Denied"), false, false),
            (with_code(401, "InvalidAccessToken"), false, false),
            (with_code(401, "IdentityNotOwned"), false, false),
            (with_code(404, "IdentityNotFound"), false, false),
            // Not errors of ACS.
            (with_code(404, "NotFound"), true, false),
            (service(400, None), true, false),
            (service(401, None), true, false),
            (service(404, Some(1)), true, false),
            (service(408, None), true, false),
            (service(429, None), true, true),
            (service(429, Some(1)), true, true),
            (service(500, Some(1)), true, false),
            (service(502, None), true, false),
            (service(503, None), true, false),
            (service(503, Some(1)), true, true),
            (service(504, None), true, false),
            (Error::TimedOut, true, false),
            (invalid, true, false),
            (credential(AzureErrorKind::Io), true, true),
            (credential(AzureErrorKind::Credential), false, false),
        ] {
            assert_eq!(wait(Idempotency::Idempotent, &error, 1, LEFT, 0.5).is_some(), idempotent, "{error:?}");
            assert_eq!(wait(Idempotency::NotIdempotent, &error, 1, LEFT, 0.5).is_some(), not_idempotent, "{error:?}");
        }
    }

    #[test]
    fn wait_doubles_up_to_three_attempts() {
        let waits = |jitter| {
            (1..=3).map(move |attempts| wait(Idempotency::Idempotent, &service(500, None), attempts, LEFT, jitter))
        };
        let ms = |wait: Option<Duration>| wait.map(|wait| wait.as_millis());
        assert_eq!(waits(0.0).map(ms).collect::<Vec<_>>(), [Some(100), Some(200), None]);
        assert_eq!(waits(1.0).map(ms).collect::<Vec<_>>(), [Some(200), Some(400), None]);
    }

    #[test]
    fn wait_is_what_acs_asks_for_within_the_deadline() {
        for (status, asked, left, expected) in [
            (503, 7, 20, Some(7)),
            (503, 20, 20, None),
            (503, 60, 20, None),
            (503, 7, 7, None),
            (429, 1, 20, Some(1)),
            (429, 2, 20, None),
            (429, 1, 1, None),
        ] {
            let error = service(status, Some(asked));
            let found = wait(Idempotency::NotIdempotent, &error, 1, Duration::from_secs(left), 1.0);
            assert_eq!(found, expected.map(Duration::from_secs), "{status}: {asked} of {left}");
        }
        // Not shorter than the client's own wait, for example with Retry-After: 0.
        assert_eq!(wait(Idempotency::Idempotent, &service(503, Some(0)), 1, LEFT, 1.0), Some(FIRST_WAIT));
    }
}
