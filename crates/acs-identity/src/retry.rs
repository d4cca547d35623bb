//! Whether to try again, and when: one pure function, decided by operation and not by status alone.
//!
//! An SDK that repeats `POST /identities` like any other call makes identities that nobody knows of. Here creating is
//! repeated only when the first try surely did nothing.

use std::time::Duration;

use reqwest::StatusCode;

use super::Error;

/// The most tries of one call.
pub(super) const MAX_TRIES: u32 = 3;

/// The wait before the second try, where ACS asks for none; it doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_millis(200);

/// Whether doing it twice differs from doing it once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Idempotency {
    /// A second try does no harm: issue, revoke, delete, exchange.
    Idempotent,
    /// A second try may make a second identity.
    NotIdempotent,
}

/// How long to wait before the next try; nothing if there shall be none.
///
/// `tries` have been made, `left` is the time until the call's deadline, and `jitter` is a random number from 0 to 1
/// that spreads callers who failed together.
pub(super) fn wait(repeat: Idempotency, error: &Error, tries: u32, left: Duration, jitter: f64) -> Option<Duration> {
    let asked = match error {
        Error::Connect(_) => None,
        Error::Credential(failure) if failure.is_passing() => None,
        Error::Credential(_) => return None,
        Error::Service(error) => {
            let surely_not_done = match error.status {
                StatusCode::TOO_MANY_REQUESTS => true,
                // A 503 that says when to come back is one that was turned away; any other may have begun.
                StatusCode::SERVICE_UNAVAILABLE => error.retry_after.is_some(),
                _ => false,
            };
            let passing =
                surely_not_done || error.status.is_server_error() || error.status == StatusCode::REQUEST_TIMEOUT;
            if !passing || (repeat == Idempotency::NotIdempotent && !surely_not_done) {
                return None;
            }
            error.retry_after
        }
        Error::TimedOut | Error::Interrupted(_) | Error::InvalidResponse { .. } => match repeat {
            Idempotency::Idempotent => None,
            Idempotency::NotIdempotent => return None,
        },
    };
    if tries >= MAX_TRIES {
        return None;
    }
    let backoff = FIRST_WAIT * 2_u32.pow(tries.saturating_sub(1));
    // From half of it to all of it.
    let wait = asked.unwrap_or_default().max(backoff.mul_f64(f64::midpoint(1.0, jitter.clamp(0.0, 1.0))));
    // A wait to the deadline or beyond would end in a timeout instead of what ACS said.
    (wait < left).then_some(wait)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::error::{Fault, Kind, ServiceError};

    const LEFT: Duration = Duration::from_secs(20);

    fn service(status: u16, retry_after: Option<u64>) -> Error {
        Error::Service(Box::new(ServiceError {
            status: StatusCode::from_u16(status).unwrap(),
            kind: Kind::Other,
            code: String::new(),
            message: String::new(),
            target: None,
            ms_cv: None,
            request_id: Uuid::nil(),
            retry_after: retry_after.map(Duration::from_secs),
            clock_skew: None,
            supported_versions: None,
        }))
    }

    #[test]
    fn creating_is_repeated_only_if_it_surely_did_not_happen() {
        let unintelligible = Error::InvalidResponse { status: StatusCode::CREATED, fault: Fault::Body };
        for (error, harmless, makes_another) in [
            (service(400, None), false, false),
            (service(401, None), false, false),
            (service(404, Some(1)), false, false),
            (service(408, None), true, false),
            (service(429, None), true, true),
            (service(429, Some(1)), true, true),
            (service(500, Some(1)), true, false),
            (service(502, None), true, false),
            (service(503, None), true, false),
            (service(503, Some(1)), true, true),
            (service(504, None), true, false),
            (Error::TimedOut, true, false),
            (unintelligible, true, false),
        ] {
            assert_eq!(wait(Idempotency::Idempotent, &error, 1, LEFT, 0.5).is_some(), harmless, "{error:?}");
            assert_eq!(wait(Idempotency::NotIdempotent, &error, 1, LEFT, 0.5).is_some(), makes_another, "{error:?}");
        }
    }

    #[test]
    fn waits_longer_each_time_and_three_times_at_most() {
        let waits =
            |jitter| (1..=3).map(move |tries| wait(Idempotency::Idempotent, &service(500, None), tries, LEFT, jitter));
        let ms = |wait: Option<Duration>| wait.map(|wait| wait.as_millis());
        assert_eq!(waits(0.0).map(ms).collect::<Vec<_>>(), [Some(100), Some(200), None]);
        assert_eq!(waits(1.0).map(ms).collect::<Vec<_>>(), [Some(200), Some(400), None]);
    }

    #[test]
    fn waits_as_long_as_acs_asks_unless_the_deadline_comes_first() {
        for (asked, left, waited) in [(7, 20, Some(7)), (20, 20, None), (60, 20, None), (7, 7, None)] {
            let found = wait(Idempotency::NotIdempotent, &service(429, Some(asked)), 1, Duration::from_secs(left), 1.0);
            assert_eq!(found, waited.map(Duration::from_secs), "{asked} of {left}");
        }
        // No shorter than our own wait: a Retry-After of 0 would have us back at once.
        assert_eq!(wait(Idempotency::Idempotent, &service(503, Some(0)), 1, LEFT, 1.0), Some(FIRST_WAIT));
    }
}
