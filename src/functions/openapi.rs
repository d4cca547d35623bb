//! `GET openapi.json`: this API as an OpenAPI document.

#[cfg(test)]
mod document;
#[cfg(test)]
pub(super) mod schemas;

use std::sync::LazyLock;

use axum::response::{IntoResponse, Response};
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH},
};
use sha2::{Digest as _, Sha256};

/// The document. A test makes it from the types of the functions, so that no program has to.
const DOCUMENT: &str = include_str!("../../docs/openapi.json");

/// Five minutes, so that a new version is seen soon after a deployment.
const CACHED: HeaderValue = HeaderValue::from_static("public, max-age=300");

/// The version of the document, computed at the first request.
static TAG: LazyLock<String> = LazyLock::new(|| format!("\"{}\"", hex::encode(&Sha256::digest(DOCUMENT)[..8])));

/// Answers 200 with the document, or 304 if the caller has it already.
pub async fn handle(headers: HeaderMap) -> Response {
    let validators = [(ETAG, HeaderValue::try_from(&**TAG)), (CACHE_CONTROL, Ok(CACHED))];
    let validators: HeaderMap = validators.into_iter().filter_map(|(name, value)| Some((name, value.ok()?))).collect();
    if has(&headers, &TAG) {
        return (StatusCode::NOT_MODIFIED, validators).into_response();
    }
    (validators, [(CONTENT_TYPE, HeaderValue::from_static("application/json"))], DOCUMENT).into_response()
}

/// Returns whether the caller has the version with this tag (RFC 9110 section 13.1.2). A proxy that compresses makes the
/// tag a weak one.
fn has(headers: &HeaderMap, tag: &str) -> bool {
    let lists = headers.get_all(IF_NONE_MATCH).iter().filter_map(|list| list.to_str().ok());
    let mut tags = lists.flat_map(|list| list.split(',')).map(str::trim);
    tags.any(|other| other == "*" || other.strip_prefix("W/").unwrap_or(other) == tag)
}
