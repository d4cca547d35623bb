//! The observer of calls to ACS, for logs, metrics and traces.

use std::{fmt, time::Duration};

use reqwest::{Method, StatusCode, Url, header::HeaderMap};
use uuid::Uuid;

use crate::{Error, IdentityId, KeySlot};

/// An observer of calls, for logs, traces and metrics. Every method does nothing by default.
///
/// The client calls these methods within the task that made the call, and waits for them: they must not block.
pub trait Observer: fmt::Debug + Send + Sync {
    /// Called before an attempt is sent. May add request headers, such as `traceparent`.
    fn attempt_started(&self, attempt: &mut Attempt<'_>) {
        let _ = attempt;
    }

    /// Called after the response of an attempt, or its failure.
    fn attempt_ended(&self, attempt: &Attempt<'_>, outcome: &AttemptOutcome<'_>) {
        let _ = (attempt, outcome);
    }

    /// Called before the client waits for the next attempt.
    fn retrying(&self, retry: &Retry<'_>) {
        let _ = retry;
    }

    /// Called when ACS denied an access key and the client has put the other one first.
    fn key_switched(&self, denied: KeySlot) {
        let _ = denied;
    }

    /// Called at the end of a call, unless it is cancelled.
    fn call_ended(&self, call: &CallSummary<'_>) {
        let _ = call;
    }
}

/// The observer that does nothing.
impl Observer for () {}

/// One HTTP request to ACS.
#[derive(Debug)]
#[non_exhaustive]
pub struct Attempt<'a> {
    /// The operation, such as `issue-token`.
    pub operation: &'static str,
    /// The identity in the request URL.
    pub identity: Option<&'a IdentityId>,
    /// The HTTP method.
    pub method: &'a Method,
    /// The request URL.
    pub url: &'a Url,
    /// The value of `x-ms-client-request-id`, the same for all attempts of a call.
    pub request_id: Uuid,
    /// Additional request headers.
    pub headers: HeaderMap,
}

/// The result of an attempt.
#[derive(Debug)]
#[non_exhaustive]
pub struct AttemptOutcome<'a> {
    /// The status of the response, if there is one.
    pub status: Option<StatusCode>,
    /// The headers of the response, empty if there is none.
    pub headers: &'a HeaderMap,
    /// The error of the attempt.
    pub error: Option<&'a Error>,
}

/// A failed attempt that another one follows.
#[derive(Debug)]
#[non_exhaustive]
pub struct Retry<'a> {
    /// The operation, such as `issue-token`.
    pub operation: &'static str,
    /// The number of attempts so far.
    pub attempts: u32,
    /// The time until the next attempt.
    pub wait: Duration,
    /// The error of the last attempt.
    pub error: &'a Error,
}

/// A completed call.
#[derive(Debug)]
#[non_exhaustive]
pub struct CallSummary<'a> {
    /// The operation, such as `issue-token`.
    pub operation: &'static str,
    /// The identity in the request URL, or the created one.
    pub identity: Option<&'a IdentityId>,
    /// The number of attempts.
    pub attempts: u32,
    /// The duration of the call.
    pub elapsed: Duration,
    /// The error, if the call failed.
    pub error: Option<&'a Error>,
}
