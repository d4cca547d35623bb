//! The check of a caller without a socket, for the fuzzer alone: `fuzz/fuzz_targets/authorization.rs`.

use http::HeaderMap;
use jiff::Timestamp;

use super::{
    authentication::{Received, authenticate as check},
    jwt::Signer,
    keys::Keys,
};

/// Believes a caller over https, whose key is one of the published ones, or says what the log would say of why not.
///
/// # Errors
/// The text of the denial.
pub async fn authenticate(
    method: &str,
    target: &str,
    headers: &HeaderMap,
    body: &[u8],
    at: Timestamp,
) -> Result<(), String> {
    let received = Received { method, target, headers, body, secure: true, at };
    check(&Keys::default(), &Signer::default(), &received).await.map_err(|denial| denial.to_string())
}
