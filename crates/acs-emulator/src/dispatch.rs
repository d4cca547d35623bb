//! One request, from the request line to the last byte of the answer.

use std::{net::SocketAddr, sync::Arc, time::Instant};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use jiff::Timestamp;
use serde_json::json;

use crate::{
    answer::{Answer, Body, common_headers},
    api_error::ApiError,
    authentication::authenticate,
    control,
    faults::Effect,
    operation::{Operation, Route, Version},
    operations,
    options::LOG,
    request::{self, Received},
    service::Service,
};

/// The text at `/`, for a browser and for clients that open a connection before their first request.
const GREETING: &str = "An emulator of Azure Communication Services Identity. Its control API is at /_emulator/.\n";

/// The path of the functions' health. The emulator answers it too, so that a check needs to know one path.
const HEALTH_OF_FUNCTIONS: &str = "/api/health";

/// The error with which a request ends if a fault resets the connection. hyper then drops the connection.
#[derive(Debug, thiserror::Error)]
#[error("the connection is reset, as requested through the control API")]
pub(crate) struct Reset;

/// Answers a request, or returns [`Reset`].
pub(crate) async fn answer(
    service: &Service,
    peer: SocketAddr,
    secure: bool,
    request: Request<Incoming>,
) -> Result<Response<Body>, Reset> {
    let started = Instant::now();
    let (parts, body) = request.into_parts();
    let (body, unreadable) = match request::read(body).await {
        Ok(body) => (body, None),
        Err(error) => (Bytes::new(), Some(error)),
    };
    let request = Received { parts, body, peer, secure, at: Timestamp::now() };
    if request.path() == "/" {
        return Ok(Answer::new(StatusCode::OK, "text/plain; charset=utf-8", GREETING).into_response(None));
    }
    if matches!(request.path(), "/health" | HEALTH_OF_FUNCTIONS) {
        let status = if request.parts.uri.query() == Some("ready") { "ready" } else { "alive" };
        return Ok(Answer::json(StatusCode::OK, &json!({ "status": status })).into_response(None));
    }
    if request.path() == "/certificate.pem"
        && let Some(pem) = service.certificate.get()
    {
        return Ok(Answer::new(StatusCode::OK, "application/x-pem-file", pem.clone()).into_response(None));
    }
    if control::has_path(request.path()) {
        let answer = match unreadable {
            Some(error) => error.into(),
            None => control::answer(service, &request).await,
        };
        return Ok(answer.into_response(None));
    }
    let respond = |mut answer: Answer, cut_after| {
        let (method, request_target, status) = (&request.parts.method, request.target(), answer.status.as_u16());
        tracing::debug!(target: LOG, %method, request_target, status, "answered");
        let mut headers = common_headers(request.headers(), secure, started.elapsed().as_millis());
        headers.extend(answer.headers);
        answer.headers = headers;
        Ok(answer.into_response(cut_after))
    };
    let route = Route::of(&request.parts.method, request.path());
    let operation = route.as_ref().ok().map(|route| route.operation);
    let fault = service.state().next_fault(operation);
    let Some(fault) = fault else {
        return respond(carry_out(service, &request, unreadable, route).await, None);
    };
    let own = if fault.carried_out { Some(carry_out(service, &request, unreadable, route).await) } else { None };
    tracing::info!(target: LOG, ?operation, carried_out = fault.carried_out, "applied a fault");
    tokio::time::sleep(fault.delay).await;
    match fault.effect {
        Effect::Reset => Err(Reset),
        Effect::Answer { instead, cut_after } => {
            respond(instead.or(own).unwrap_or_else(|| ApiError::Internal.into()), cut_after)
        }
    }
}

/// Authenticates a request, carries out its operation, and saves the changes.
async fn carry_out(
    service: &Service,
    request: &Received,
    unreadable: Option<ApiError>,
    route: Result<Route, ApiError>,
) -> Answer {
    let operation = route.as_ref().ok().map(|route| route.operation);
    let outcome = match unreadable {
        Some(error) => Err(error),
        None => perform(service, request, route).await,
    };
    let outcome = service.save().await.and(outcome);
    // Recordings have it since 2025-04, with 200 only.
    let accepts_ranges = outcome.as_ref().is_ok_and(|answer| answer.status == StatusCode::OK);
    let lists_versions = outcome.as_ref().map_or_else(ApiError::lists_versions, |_| true);
    let mut answer = outcome.unwrap_or_else(Answer::from);
    if accepts_ranges {
        answer.headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    }
    if let Some(operation) = operation.filter(|_| lists_versions) {
        let versions = HeaderValue::from_str(&Version::supporting(operation));
        answer.headers.extend(versions.map(|versions| (HeaderName::from_static("api-supported-versions"), versions)));
    }
    answer
}

async fn perform(service: &Service, request: &Received, route: Result<Route, ApiError>) -> Result<Answer, ApiError> {
    // The token of the user authorizes it, and the operation validates that.
    if let Ok(route @ Route { operation: Operation::ExchangeTeamsPhoneToken, .. }) = &route {
        return operations::perform(service, route, request).await;
    }
    let keys = Arc::clone(&service.state().access_keys);
    authenticate(&keys, &service.signer, request).await.map_err(|denial| {
        let (method, request_target) = (&request.parts.method, request.target());
        tracing::warn!(target: LOG, %method, request_target, "denied: {denial}");
        ApiError::from(&denial)
    })?;
    operations::perform(service, &route?, request).await
}
