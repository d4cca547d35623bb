//! The outermost layer: assigns the request id, writes the problem, and writes the request log.

use axum::{body::Body, extract::Request, response::Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body_util::{BodyExt as _, Empty};
use tracing::Level;
use uuid::Uuid;

use crate::{
    problem::Problem,
    request_log::{self, Ending, RequestLog},
};

/// The header with the request id, in requests and responses.
pub(super) const REQUEST_ID: &str = "x-request-id";

/// The request id that the platform assigned. A program adds it to the request's extensions.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

/// Answers a request by `rest`, and adds what every answer has.
pub(super) async fn answer(mut request: Request, rest: impl AsyncFnOnce(Request) -> Response) -> Response {
    let assigned = request.extensions_mut().remove().map(|RequestId(id)| id);
    let request_id = assigned.unwrap_or_else(|| request_id(request.headers()));
    let is_ping = request.uri().path() == "/";
    let log = request_log::Request::start(request_id.clone(), request.method(), request.headers());
    let mut response = log.scope(rest(request)).await;

    let problem = response.extensions_mut().remove::<Problem>();
    log.finish(|log| ending(log, response.status(), problem.as_ref(), is_ping));
    if let Some(problem) = problem {
        // The other headers of the router's response, such as Content-Length, are those of an empty body.
        let allow = response.headers_mut().remove(header::ALLOW);
        response = problem.write(&request_id);
        response.headers_mut().extend(allow.map(|allow| (header::ALLOW, allow)));
    }
    if matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
        // RFC 9110 section 8.6: without Content-Length. Each router adds it to a body whose length is known.
        response.headers_mut().remove(header::CONTENT_LENGTH);
        *response.body_mut() = Body::new(Empty::new().map_frame(|frame| frame));
    }
    let headers = response.headers_mut();
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if let Ok(value) = HeaderValue::try_from(request_id) {
        headers.insert(REQUEST_ID, value);
    }
    response
}

/// Fills in the result of the request.
fn ending(log: &mut RequestLog, status: StatusCode, problem: Option<&Problem>, is_ping: bool) -> Ending {
    log.status = Some(status.as_u16());
    let Some(problem) = problem else {
        log.outcome = "done";
        // The Functions host requests this path again and again.
        return Ending { level: if is_ping { Level::DEBUG } else { Level::INFO }, message: log.done };
    };
    let parts = problem.kind.parts();
    log.outcome = parts.code;
    log.code = Some(parts.code);
    log.cause.clone_from(&problem.cause);
    let message = if parts.status.is_server_error() { "failed request" } else { "refused request" };
    Ending { level: problem.level, message }
}

/// Returns the host's invocation id, else the client's request id, else a new one.
fn request_id(headers: &HeaderMap) -> String {
    let is_valid =
        |id: &&str| (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    // A forwarding host appends its id to one that the client sent, so the last one is the host's.
    let last = |name| headers.get_all(name).iter().next_back()?.to_str().ok()?.rsplit(',').next().map(str::trim);
    [super::INVOCATION_ID, REQUEST_ID]
        .into_iter()
        .find_map(|name| last(name).filter(is_valid))
        .map_or_else(|| Uuid::new_v4().to_string(), str::to_owned)
}
