//! The request log: layers and handlers fill it in, and it is written as one line when the request ends.
//!
//! A request's log is found by a task-local, so it needs no parameter. Outside of a request, [`record`] does nothing.

use std::{
    fmt,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use acs_identity::{IdentityId, Scope, TokenLifetime};
use http::{HeaderMap, Method};
use serde::{Serialize, Serializer};
use tracing::Level;

use crate::{short_hash::short_hash, trace_context::TraceContext};

/// The name of the event that ends a request. The formatter adds the fields of the [`RequestLog`] to it.
pub const SUMMARY: &str = "request";

tokio::task_local! {
    static CURRENT: Handle;
}

/// The data of a request. The fields have the same names on the line, and `None` is left out there.
///
/// docs/operations.md describes the fields. Their names are a contract.
#[derive(Debug, Clone, Default, Serialize)]
#[expect(missing_docs, reason = "docs/operations.md describes the fields")]
pub struct RequestLog {
    pub request_id: String,
    pub trace_id: String,
    pub span_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<String>,
    pub trace_flags: String,
    pub method: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caller: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<LoggedIdentity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scopes: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minutes: Option<u16>,
    pub outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    pub duration_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tries: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acs_status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acs_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acs_request_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ms_cv: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub likely_cause: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// The message of the line if the request succeeds.
    #[serde(skip)]
    pub done: &'static str,
}

impl RequestLog {
    /// Sets the identity, which the line names by a short hash.
    pub fn set_identity(&mut self, id: &str) {
        if !matches!(&self.identity, Some(LoggedIdentity::Hashed(known)) if known == id) {
            self.identity = Some(LoggedIdentity::Hashed(id.to_owned()));
        }
    }

    /// Sets the scopes and the lifetime that are requested, or granted.
    pub fn set_token(&mut self, scopes: Option<&[Scope]>, lifetime: Option<TokenLifetime>) {
        self.scopes = scopes.map(|scopes| scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" "));
        self.minutes = lifetime.map(TokenLifetime::minutes);
    }
}

/// An identity in the log. `Display` and `Debug` write what the line has.
#[derive(Clone)]
pub enum LoggedIdentity {
    /// The line has a short hash of this id. It is computed when the line is written, so once in a request.
    Hashed(String),
    /// The line has this id.
    Whole(String),
}

impl fmt::Display for LoggedIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hashed(id) => f.write_str(&short_hash(id)),
            Self::Whole(id) => f.write_str(id),
        }
    }
}

impl fmt::Debug for LoggedIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for LoggedIdentity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The level and the message of the line of a request.
#[derive(Debug, Clone, Copy)]
pub struct Ending {
    /// The severity of the line.
    pub level: Level,
    /// The message of the line.
    pub message: &'static str,
}

/// A shared handle to the log of a request.
#[derive(Debug, Clone)]
struct Handle {
    log: Arc<Mutex<RequestLog>>,
    trace: TraceContext,
}

impl Handle {
    fn lock(&self) -> MutexGuard<'_, RequestLog> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request in progress. If it is dropped before [`finish`](Self::finish), its line has the outcome `cancelled`.
#[derive(Debug)]
pub struct Request {
    handle: Handle,
    start: Instant,
    is_finished: bool,
}

impl Request {
    /// Starts the log of a request. Its trace is that of the headers.
    #[must_use]
    pub fn start(request_id: String, method: &Method, headers: &HeaderMap) -> Self {
        let trace = TraceContext::from_headers(headers);
        let log = RequestLog {
            request_id,
            trace_id: trace.trace_id(),
            span_id: trace.span_id(),
            parent_id: trace.parent_id(),
            trace_flags: trace.flags(),
            method: method.to_string(),
            done: "answered request",
            ..RequestLog::default()
        };
        Self { handle: Handle { log: Arc::new(Mutex::new(log)), trace }, start: Instant::now(), is_finished: false }
    }

    /// Runs a future as part of the request.
    pub async fn scope<F: Future>(&self, work: F) -> F::Output {
        Current(Some(self.handle.clone())).scope(work).await
    }

    /// Fills in the result, and writes the line.
    pub fn finish(mut self, result: impl FnOnce(&mut RequestLog) -> Ending) {
        self.is_finished = true;
        self.write(result);
    }

    fn write(&self, result: impl FnOnce(&mut RequestLog) -> Ending) {
        let ending = {
            let mut log = self.handle.lock();
            log.duration_ms = (self.start.elapsed().as_secs_f64() * 1e6).round() / 1e3;
            result(&mut log)
        };
        let message = ending.message;
        CURRENT.sync_scope(self.handle.clone(), || match ending.level {
            Level::ERROR => tracing::error!(name: SUMMARY, message),
            Level::WARN => tracing::warn!(name: SUMMARY, message),
            Level::INFO => tracing::info!(name: SUMMARY, message),
            _ => tracing::debug!(name: SUMMARY, message),
        });
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        if !self.is_finished {
            self.write(|log| {
                log.outcome = "cancelled";
                Ending { level: Level::INFO, message: "cancelled request" }
            });
        }
    }
}

/// Changes the log of the current request. `change` must not log anything: the log is locked meanwhile.
pub fn record(change: impl FnOnce(&mut RequestLog)) {
    let _ = CURRENT.try_with(|handle| change(&mut handle.lock()));
}

/// Calls a function with the log of the current request, or with `None` outside of a request.
pub fn with_current<T>(read: impl FnOnce(Option<&RequestLog>) -> T) -> T {
    match current().0 {
        Some(handle) => read(Some(&handle.lock())),
        None => read(None),
    }
}

/// The current request, if there is one.
#[derive(Debug, Clone)]
pub struct Current(Option<Handle>);

/// Returns the current request, for work that another task does for it.
#[must_use]
pub fn current() -> Current {
    Current(CURRENT.try_with(Clone::clone).ok())
}

impl Current {
    /// Runs a future as part of the request.
    pub async fn scope<F: Future>(self, work: F) -> F::Output {
        match self.0 {
            Some(handle) => CURRENT.scope(handle, work).await,
            None => work.await,
        }
    }
}

/// Makes a future part of the current request, for a task of its own.
pub fn in_current<F: Future>(work: F) -> impl Future<Output = F::Output> {
    current().scope(work)
}

/// Returns the trace context of a call to ACS: a child of the current request's, or the start of a new trace.
#[must_use]
pub fn trace_of_call() -> TraceContext {
    current().0.map_or_else(TraceContext::start, |handle| handle.trace.child())
}

/// Logs that an identity was created on a user's behalf.
pub fn identity_created(id: &IdentityId) {
    identity_event("create-identity", id, "created identity");
}

/// Logs that an identity was deleted on a user's behalf.
pub fn identity_deleted(id: &IdentityId) {
    identity_event("delete-identity", id, "deleted identity");
}

fn identity_event(action: &'static str, id: &IdentityId, message: &'static str) {
    let caller = with_current(|log| log.and_then(|log| log.caller.clone()));
    tracing::info!(caller, action, identity = short_hash(id.as_str()), outcome = "done", message);
}
