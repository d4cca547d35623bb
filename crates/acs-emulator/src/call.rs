//! One call, from the request line to the last byte: fault, authentication, operation, answer.

use std::{sync::Arc, time::Instant};

use http::{HeaderValue, Request, Response, header, request::Parts};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use jiff::Timestamp;

use super::{
    LOG, Service,
    answer::{Answer, Body, common_headers},
    api_error::ApiError,
    authentication::{Received, authenticate},
    connection::{Peer, Reset},
    control,
    faults::{Effect, Fault},
    operations::{self, Call},
    route::{Operation, Route, Version},
};

/// The longest body that is read. The service's own limit is not recorded.
const MAX_BODY: usize = 1024 * 1024;

/// Answers a request, or resets its connection.
pub(super) async fn answer(
    service: &Service,
    peer: &Peer,
    request: Request<Incoming>,
) -> Result<Response<Body>, Reset> {
    let started = Instant::now();
    let (parts, body) = request.into_parts();
    if control::is_at(parts.uri.path()) {
        return Ok(control::answer(service, peer, &parts, body).await);
    }
    if parts.uri.path() == "/" {
        return Ok(greeting());
    }
    let route = Route::of(&parts.method, parts.uri.path());
    let operation = route.as_ref().ok().map(|route| route.operation);
    let fault = {
        let mut state = service.state();
        let fault = state.faults.next(operation);
        state.count(operation, fault.is_some());
        fault
    };
    let answer = match fault {
        None => carry_out(service, peer, &parts, body, route).await,
        Some(fault) => {
            let own = if fault.carried_out { Some(carry_out(service, peer, &parts, body, route).await) } else { None };
            tracing::info!(target: LOG, ?operation, carried_out = fault.carried_out, "a fault falls upon the call");
            tokio::time::sleep(fault.delay).await;
            return broken(own, fault, peer, &parts, started);
        }
    };
    let status = answer.status.as_u16();
    tracing::debug!(target: LOG, method = %parts.method, request_target = %parts.uri, status, "answered");
    Ok(respond(answer, None, peer, &parts, started))
}

/// For the person who opens the address, and for clients that open a connection ahead of their first call. It is no call
/// of ACS Identity: no fault falls upon it, and nobody counts it.
fn greeting() -> Response<Body> {
    let text = "An emulator of Azure Communication Services Identity. Its page is at /_emulator/.\n";
    let mut response = Response::new(Body::new(Bytes::from_static(text.as_bytes()), false));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// The answer that a fault makes of the operation's own.
fn broken(
    own: Option<Answer>,
    fault: Fault,
    peer: &Peer,
    parts: &Parts,
    started: Instant,
) -> Result<Response<Body>, Reset> {
    match fault.effect {
        Effect::Reset => Err(peer.reset()),
        Effect::Answer { instead, cut } => {
            let ordered = instead.map(|(status, headers, body)| Answer::of_fault(status, headers, body));
            let answer = ordered.or(own).unwrap_or_else(|| ApiError::Internal.into());
            Ok(respond(answer, cut, peer, parts, started))
        }
    }
}

async fn carry_out(
    service: &Service,
    peer: &Peer,
    parts: &Parts,
    body: Incoming,
    route: Result<Route, ApiError>,
) -> Answer {
    let operation = route.as_ref().ok().map(|route| route.operation);
    let outcome = match read(body).await {
        Ok(body) => perform(service, peer, parts, &body, route).await,
        Err(api_error) => Err(api_error),
    };
    let names_versions = outcome.as_ref().map_or_else(ApiError::names_versions, |_| true);
    let mut answer = outcome.unwrap_or_else(Answer::from);
    if let Some(operation) = operation.filter(|_| names_versions) {
        add_versions(&mut answer, operation);
    }
    answer
}

fn add_versions(answer: &mut Answer, operation: Operation) {
    if let Ok(versions) = HeaderValue::from_str(&Version::supporting(operation)) {
        answer.headers.insert("api-supported-versions", versions);
    }
}

async fn perform(
    service: &Service,
    peer: &Peer,
    parts: &Parts,
    body: &Bytes,
    route: Result<Route, ApiError>,
) -> Result<Answer, ApiError> {
    let at = Timestamp::now();
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let (method, headers) = (parts.method.as_str(), &parts.headers);
    let received = Received { method, target, headers, body, secure: peer.secure, at };
    let keys = Arc::clone(&service.state().keys);
    authenticate(&keys, &service.signer, &received).await.map_err(|denial| {
        tracing::warn!(target: LOG, method = %parts.method, request_target = target, "denied: {denial}");
        ApiError::from(&denial)
    })?;
    let route = route?;
    let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let url = format!("{}://{host}{}", if peer.secure { "https" } else { "http" }, parts.uri.path());
    let version = Version::of(parts.uri.query().unwrap_or_default(), route.operation, &url)?;
    operations::perform(service, &route, &Call { headers: &parts.headers, body, version, at }).await
}

/// The whole body.
pub(super) async fn read(body: Incoming) -> Result<Bytes, ApiError> {
    match Limited::new(body, MAX_BODY).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(ApiError::TooLarge),
        Err(_) => Err(ApiError::Malformed("it broke off".to_owned())),
    }
}

fn respond(answer: Answer, cut: Option<usize>, peer: &Peer, parts: &Parts, started: Instant) -> Response<Body> {
    let mut headers = common_headers(&parts.headers, peer.secure, started.elapsed().as_millis());
    headers.extend(answer.headers);
    let body = match cut {
        None => Body::new(answer.body, answer.chunked),
        Some(keep) => Body::cut_after(answer.body, answer.chunked, keep),
    };
    let mut response = Response::new(body);
    *response.status_mut() = answer.status;
    *response.headers_mut() = headers;
    response
}
