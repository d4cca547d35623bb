//! Around every request: its id, its problem, its log line.

use std::time::Instant;

use axum::{extract::Request, middleware::Next, response::Response};
use http::{HeaderMap, HeaderValue, header};
use tracing::{Instrument as _, Level, Span, field::Empty};
use uuid::Uuid;

use crate::{
    auth::audit::RequestId,
    functions::{Function, PREFIX},
    problem::{Kind, Problem},
    trace_context::TraceContext,
};

/// The function that answered; left in the answer's extensions for the log.
#[derive(Debug, Clone, Copy)]
pub(super) struct Served(pub(super) &'static Function);

/// The header that carries the request id, in both directions.
pub(super) const REQUEST_ID: &str = "x-request-id";

/// The outermost layer: gives the request its id, writes the problem that came out of it, and logs it once.
pub(super) async fn around(mut request: Request, next: Next) -> Response {
    let start = Instant::now();
    let request_id = match request.extensions().get() {
        Some(RequestId(id)) => id.clone(),
        None => request_id(request.headers()),
    };
    request.extensions_mut().insert(RequestId(request_id.clone()));
    let trace = TraceContext::from_headers(request.headers());
    let span = span(&request, &request_id, &trace);
    let mut response = trace.scope(next.run(request)).instrument(span.clone()).await;

    let problem = response.extensions_mut().remove::<Problem>();
    log(&span, start, &response, problem.as_ref());
    if let Some(problem) = problem {
        // Of the router's headers only this one is kept: its content-length is that of an empty body.
        let allow = response.headers_mut().remove(header::ALLOW);
        response = problem.write(&request_id);
        response.headers_mut().extend(allow.map(|allow| (header::ALLOW, allow)));
    }
    let headers = response.headers_mut();
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if let Ok(value) = HeaderValue::try_from(request_id) {
        headers.insert(REQUEST_ID, value);
    }
    response
}

/// The request's span. Its fields stand on the request's log line, flat; docs/operations.md describes them.
fn span(request: &Request, request_id: &str, trace: &TraceContext) -> Span {
    if request.uri().path() == "/" {
        // The host pings it all day long.
        return Span::none();
    }
    // At the highest level, so that lines of every level have these fields whatever RUST_LOG says.
    tracing::error_span!(
        "request",
        request_id,
        trace_id = trace.trace_id(),
        span_id = trace.span_id(),
        parent_id = trace.parent_id(),
        trace_flags = trace.flags(),
        method = request.method().as_str(),
        function = Empty,
        route = Empty,
        status = Empty,
        duration_ms = Empty,
        code = Empty,
        cause = Empty,
        // What acs says of its calls.
        identity = Empty,
        tries = Empty,
        upstream_ms = Empty,
        acs_status = Empty,
        acs_code = Empty,
        acs_request_id = Empty,
        ms_cv = Empty,
        likely_cause = Empty,
        remedy = Empty,
    )
}

/// One line, when all is known.
fn log(span: &Span, start: Instant, response: &Response, problem: Option<&Problem>) {
    if let Some(Served(function)) = response.extensions().get::<Served>() {
        span.record("function", function.name);
        span.record("route", format!("/{PREFIX}/{}", function.route));
    }
    span.record("status", response.status().as_u16());
    span.record("duration_ms", (start.elapsed().as_secs_f64() * 1e6).round() / 1e3);
    span.record("code", problem.map(|problem| problem.kind.parts().0));
    span.record("cause", problem.and_then(|problem| problem.cause.as_deref()));
    let _entered = span.enter();
    match problem.map_or(Level::INFO, |problem| level(problem.kind)) {
        Level::ERROR => tracing::error!("request"),
        Level::WARN => tracing::warn!("request"),
        _ if span.is_none() => {}
        _ => tracing::info!("request"),
    }
}

/// An error line means that somebody must act.
const fn level(kind: Kind) -> Level {
    match kind {
        Kind::Misconfigured | Kind::HostNotForwarding | Kind::Internal => Level::ERROR,
        Kind::UpstreamFailed
        | Kind::UpstreamUnreachable
        | Kind::IssuerUnreachable
        | Kind::UpstreamTimeout
        | Kind::Throttled
        | Kind::DirectoryUnavailable
        | Kind::NotReady => Level::WARN,
        Kind::EmptyBody
        | Kind::MalformedJson
        | Kind::InvalidFields
        | Kind::InvalidIdentityId
        | Kind::RefusedByAcs
        | Kind::AmbiguousAuthorization
        | Kind::Unauthorized
        | Kind::BeyondPolicy
        | Kind::RateLimited
        | Kind::TeamsTokenRefused
        | Kind::Forbidden
        | Kind::NotFound
        | Kind::IdentityNotFound
        | Kind::TurnedOff
        | Kind::MethodNotAllowed
        | Kind::BodyTimeout
        | Kind::BodyTooLarge
        | Kind::UnsupportedMediaType => Level::INFO,
    }
}

/// The host's invocation id, else the client's request id, else a new one.
fn request_id(headers: &HeaderMap) -> String {
    let plain = |id: &&str| (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    // A forwarding host appends its id to the one that a client made up, so the last one is the host's.
    let last = |name| headers.get_all(name).iter().next_back()?.to_str().ok()?.rsplit(',').next().map(str::trim);
    [super::INVOCATION_ID, REQUEST_ID]
        .into_iter()
        .find_map(|name| last(name).filter(plain))
        .map_or_else(|| Uuid::new_v4().to_string(), str::to_owned)
}
