//! HTTP answers, and response bodies that can break off.

use std::io;

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::Frame;
use serde::Serialize;

use crate::api_error::ApiError;

/// The body of a response.
pub(crate) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// An answer before it is sent.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// ACS sends errors chunked and other answers with a Content-Length.
    pub(crate) chunked: bool,
}

impl Answer {
    /// Returns an answer with a body of this media type.
    pub(crate) fn new(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(content_type))]);
        Self { status, headers, body: body.into(), chunked: false }
    }

    /// Returns a success with a JSON body.
    pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Self {
        Self::new(status, "application/json; charset=utf-8", to_bytes(body))
    }

    /// Returns an answer without a body and without a Content-Type.
    pub(crate) fn empty(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), body: Bytes::new(), chunked: false }
    }

    /// Returns the response for hyper. With `cut_after`, its body breaks off after that many bytes, at the latest
    /// before the last one.
    pub(crate) fn into_response(self, cut_after: Option<usize>) -> Response<Body> {
        let Self { status, mut headers, body, chunked } = self;
        let body = match cut_after {
            _ if body.is_empty() => whole(body),
            None if chunked => StreamBody::new(stream::iter([Ok(Frame::data(body))])).boxed_unsync(),
            None => whole(body),
            Some(keep) => {
                if !chunked {
                    headers.insert(header::CONTENT_LENGTH, body.len().into());
                }
                let kept = body.slice(..keep.min(body.len() - 1));
                let end = async {
                    // hyper flushes its buffer only when the body is pending.
                    tokio::task::yield_now().await;
                    Err(io::Error::other("the body is cut off, as requested through the control API"))
                };
                StreamBody::new(stream::iter([Ok(Frame::data(kept))]).chain(stream::once(end))).boxed_unsync()
            }
        };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }
}

fn whole(body: Bytes) -> Body {
    Full::new(body).map_err(|never| match never {}).boxed_unsync()
}

impl From<ApiError> for Answer {
    fn from(error: ApiError) -> Self {
        let mut answer = match error.answer() {
            (status, None) => Self::empty(status),
            (status, Some(body)) => Self { chunked: true, ..Self::new(status, "application/json", to_bytes(&body)) },
        };
        if let ApiError::MethodNotAllowed(allowed) = error {
            answer.headers.insert(header::ALLOW, HeaderValue::from_static(allowed));
        }
        answer
    }
}

/// Returns compact JSON. Call it with structs, maps and JSON values only, whose serialization cannot fail.
pub(crate) fn to_bytes(value: &impl Serialize) -> Bytes {
    serde_json::to_vec(value).unwrap_or_default().into()
}

/// Returns the headers that ACS Identity sends with every answer.
///
/// `Strict-Transport-Security` is sent over plain http only, where a browser must ignore it (RFC 6797, section 8.1).
/// Over https with a trusted certificate, it would disable http on every port of `localhost` for a year.
pub(crate) fn common_headers(request: &HeaderMap, secure: bool, took_ms: u128) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let id = uuid::Uuid::new_v4();
    let mut set = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    set("ms-cv", &format!("{}.0", STANDARD_NO_PAD.encode(id.as_bytes())));
    set("request-context", "appId=");
    if !secure {
        set("strict-transport-security", "max-age=31536000;includeSubDomains");
    }
    set("x-azure-ref", &format!("emulator-{}", id.simple()));
    set("x-cache", "CONFIG_NOCACHE");
    set("x-processing-time", &format!("{took_ms}ms"));
    if let Some(echo) = request.get("x-ms-client-request-id") {
        headers.insert("x-ms-client-request-id", echo.clone());
    }
    headers
}
