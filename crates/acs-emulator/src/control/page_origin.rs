//! Requests to the control API from the page of the functions, which is at another origin (CORS).
//!
//! <https://fetch.spec.whatwg.org/#http-cors-protocol>

use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::{answer::Answer, options::Functions, request::Received};

/// Returns the value of `Origin` if the page of the functions sent the request.
pub(super) fn of<'a>(request: &'a Received, functions: Option<&Functions>) -> Option<&'a HeaderValue> {
    let origin = request.headers().get(header::ORIGIN)?;
    origin.to_str().is_ok_and(|origin| functions.is_some_and(|known| known.has_origin(origin))).then_some(origin)
}

/// Answers a preflight request of the page.
pub(super) fn preflight(page: Option<&HeaderValue>) -> Answer {
    let mut answer = Answer::empty(StatusCode::NO_CONTENT);
    answer.headers = HeaderMap::from_iter([
        (header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, PUT, DELETE")),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("content-type")),
    ]);
    allow(&mut answer, page);
    answer
}

/// Lets the page read an answer.
pub(super) fn allow(answer: &mut Answer, page: Option<&HeaderValue>) {
    answer.headers.extend(page.map(|page| (header::ACCESS_CONTROL_ALLOW_ORIGIN, page.clone())));
    answer.headers.insert(header::VARY, HeaderValue::from_static("Origin"));
}
