//! CORS: answers preflight requests, adds the CORS headers to other answers, and logs refused preflight requests.

use std::time::Duration;

use axum::{extract::Request, response::Response};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method,
    header::{
        ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, AUTHORIZATION, CONTENT_TYPE, LOCATION, ORIGIN,
        RETRY_AFTER, WWW_AUTHENTICATE,
    },
};
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::allowed_origins::{Cors, Origins};
use super::request::REQUEST_ID;

/// The headers of telemetry that browsers send: W3C Trace Context and Baggage, those of Application Insights, and those
/// of the Azure SDKs' pipelines.
const TELEMETRY: [&str; 7] = [
    "traceparent",
    "tracestate",
    "baggage",
    "request-id",
    "request-context",
    "x-ms-client-request-id",
    "x-ms-useragent",
];

/// The longest part of a header that is logged.
const MAX_LOGGED: usize = 200;

/// Creates the layer for these origins.
pub(super) fn layer(cors: Cors) -> CorsLayer {
    let origins = match cors.origins {
        Origins::Any => AllowOrigin::any(),
        Origins::List(origins) => AllowOrigin::list(origins),
    };
    let request_id = HeaderName::from_static(REQUEST_ID);
    // Without x-functions-key: function keys do not belong in a browser.
    let allowed = [AUTHORIZATION, CONTENT_TYPE, request_id.clone()];
    CorsLayer::new()
        .allow_origin(origins)
        .allow_credentials(cors.credentials)
        .allow_methods([Method::GET, Method::POST, Method::DELETE])
        .allow_headers(allowed.into_iter().chain(TELEMETRY.map(HeaderName::from_static)).collect::<Vec<_>>())
        .expose_headers([LOCATION, RETRY_AFTER, WWW_AUTHENTICATE, request_id])
        // The maximum of Chromium: two hours.
        .max_age(Duration::from_secs(7200))
}

/// Logs a refused preflight request. The browser tells the page no reason, and the request that it stands for never
/// arrives.
pub(super) async fn log_refusals(request: Request, rest: impl AsyncFnOnce(Request) -> Response) -> Response {
    let preflight = Preflight::of(&request);
    let response = rest(request).await;
    if let Some(preflight) = preflight
        && let Some(cause) = preflight.refusal(response.headers())
    {
        tracing::info!(origin = logged(&preflight.origin), cause, "refused preflight");
    }
    response
}

/// A request by which a browser asks what a page may send (<https://fetch.spec.whatwg.org/#cors-preflight-request>).
struct Preflight {
    origin: HeaderValue,
    method: HeaderValue,
    headers: Option<HeaderValue>,
}

impl Preflight {
    fn of(request: &Request) -> Option<Self> {
        let header = |name| request.headers().get(name).cloned();
        let is_options = request.method() == Method::OPTIONS;
        let (origin, method) = is_options.then_some((header(ORIGIN)?, header(ACCESS_CONTROL_REQUEST_METHOD)?))?;
        Some(Self { origin, method, headers: header(ACCESS_CONTROL_REQUEST_HEADERS) })
    }

    /// Returns the reason for which the browser does not send the request, given the headers of the answer.
    fn refusal(&self, answer: &HeaderMap) -> Option<String> {
        if !answer.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) {
            return Some("the origin is not in CORS_ALLOWED_ORIGINS".to_owned());
        }
        let mut methods = answer.get_all(ACCESS_CONTROL_ALLOW_METHODS).iter().flat_map(items);
        if self.method != "HEAD" && !methods.any(|method| self.method == method) {
            return Some(format!("pages may not use the method {}", logged(&self.method)));
        }
        let allowed: Vec<&str> = answer.get_all(ACCESS_CONTROL_ALLOW_HEADERS).iter().flat_map(items).collect();
        let is_refused = |name: &&str| !allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(name));
        let refused: Vec<&str> = self.headers.iter().flat_map(items).filter(is_refused).collect();
        let refused = refused.join(", ");
        let cause = format!("pages may not send the header {}", refused.get(..MAX_LOGGED).unwrap_or(&refused));
        (!refused.is_empty()).then_some(cause)
    }
}

/// Returns the items of a list in a header.
fn items(list: &HeaderValue) -> impl Iterator<Item = &str> {
    list.to_str().unwrap_or_default().split(',').map(str::trim).filter(|item| !item.is_empty())
}

/// Returns a header as it may be logged: visible ASCII of limited length.
fn logged(value: &HeaderValue) -> &str {
    let text = value.to_str().unwrap_or("not text");
    text.get(..MAX_LOGGED).unwrap_or(text)
}
