//! Answers: what ACS Identity puts around a result, and bodies that can break off.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use hyper::body::{Body as HttpBody, Bytes, Frame, SizeHint};
use serde::Serialize;

use super::api_error::ApiError;

/// What an operation came to, or what a fault says instead.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// Errors come chunked, successes with a Content-Length.
    pub(super) chunked: bool,
}

impl Answer {
    /// A success with a JSON body.
    pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Self {
        let headers = content_type("application/json; charset=utf-8");
        Self { status, headers, body: to_bytes(body), chunked: false }
    }

    /// A success without a body: no Content-Type, no Content-Length.
    pub(super) fn no_content() -> Self {
        Self { status: StatusCode::NO_CONTENT, headers: HeaderMap::new(), body: Bytes::new(), chunked: false }
    }

    /// The answer of a fault, as ordered.
    pub(super) const fn of_fault(status: StatusCode, headers: HeaderMap, body: Bytes) -> Self {
        Self { status, headers, body, chunked: false }
    }
}

impl From<ApiError> for Answer {
    fn from(api_error: ApiError) -> Self {
        let status = api_error.status();
        let mut headers = HeaderMap::new();
        if let ApiError::MethodNotAllowed(allowed) = api_error {
            headers.insert(header::ALLOW, HeaderValue::from_static(allowed));
        }
        match api_error.body() {
            None => Self { status, headers, body: Bytes::new(), chunked: false },
            Some(body) => {
                headers.extend(content_type("application/json"));
                Self { status, headers, body: to_bytes(&body), chunked: true }
            }
        }
    }
}

fn content_type(value: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(value))])
}

/// Compact JSON. Only values whose serialisation cannot fail come here: structs and texts.
pub(super) fn to_bytes(value: &impl Serialize) -> Bytes {
    serde_json::to_vec(value).unwrap_or_default().into()
}

/// The headers that ACS Identity sends with every answer, whatever it says.
///
/// `Strict-Transport-Security` goes out over plain http only, where a browser must ignore it (RFC 6797 section 8.1):
/// over https with a trusted certificate it would bind every other port of `localhost` for a year.
pub(super) fn common_headers(request: &HeaderMap, secure: bool, took_ms: u128) -> HeaderMap {
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

/// A body of one piece, which may break off before its announced end.
pub(super) struct Body {
    data: Option<Bytes>,
    /// What is announced: `None` for chunked.
    length: Option<u64>,
    cut: Option<Pause>,
}

/// How far the breaking off has come.
enum Pause {
    Ahead,
    Over,
}

impl Body {
    pub(super) fn new(bytes: Bytes, chunked: bool) -> Self {
        let length = (!chunked || bytes.is_empty()).then_some(bytes.len() as u64);
        Self { data: Some(bytes).filter(|bytes| !bytes.is_empty()), length, cut: None }
    }

    /// The same body, announced whole and broken off after so many bytes. An empty one has nothing to break.
    pub(super) fn cut_after(bytes: Bytes, chunked: bool, keep: usize) -> Self {
        let whole = Self::new(bytes, chunked);
        match whole.data {
            Some(bytes) => {
                let kept = bytes.slice(..keep.min(bytes.len().saturating_sub(1)));
                Self { data: Some(kept).filter(|kept| !kept.is_empty()), cut: Some(Pause::Ahead), ..whole }
            }
            None => whole,
        }
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if let Some(bytes) = self.data.take() {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        match self.cut {
            None => Poll::Ready(None),
            // hyper flushes what it holds only when the body has to be waited for.
            Some(Pause::Ahead) => {
                self.cut = Some(Pause::Over);
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Some(Pause::Over) => Poll::Ready(Some(Err(io::Error::other("cut, as ordered at the control")))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.data.is_none() && self.cut.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::new, SizeHint::with_exact)
    }
}
