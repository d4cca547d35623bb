//! The page for people who try it: one file, which asks the control and the functions, and nothing else on any network.

use std::sync::LazyLock;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderValue, Response, header};
use hyper::body::Bytes;
use sha2::{Digest as _, Sha256};

use crate::{Service, answer::Body};

const PAGE: &str = include_str!("../page.html");

/// The page's own script and style by their hashes: a browser runs nothing else, whatever gets into the page.
static OWN: LazyLock<[String; 2]> = LazyLock::new(|| {
    ["script", "style"].map(|element| {
        let inside = PAGE.split_once(&format!("<{element}>")).map_or("", |(_, behind)| behind);
        let inside = inside.split_once(&format!("</{element}>")).map_or("", |(inside, _)| inside);
        format!("'sha256-{}'", STANDARD.encode(Sha256::digest(inside)))
    })
});

/// The page, which may ask the functions in front of this emulator.
pub(super) fn answer(service: &Service) -> Response<Body> {
    let [script, style] = &*OWN;
    let functions = service.options.functions.as_ref().map_or("", |functions| &functions.origin);
    let policy = format!(
        "default-src 'none'; script-src {script}; style-src {style}; img-src data:; connect-src 'self' {functions}; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let mut response = Response::new(Body::new(Bytes::from_static(PAGE.as_bytes()), false));
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // An origin that is no header value is none that a browser could ask.
    let policy = HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"));
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}
