//! Authentication without a socket, only for `fuzz/fuzz_targets/authorization.rs`.

use bytes::Bytes;
use http::Request;
use jiff::Timestamp;

use crate::{access_keys::AccessKeys, authentication, request::Received, tokens::Signer};

/// Authenticates an https request with the published access keys.
///
/// # Errors
/// The text of the log event for a denied request.
pub async fn authenticate(request: Request<Bytes>, at: Timestamp) -> Result<(), String> {
    let (parts, body) = request.into_parts();
    let received = Received { parts, body, peer: ([127, 0, 0, 1], 0).into(), secure: true, at };
    let checked = authentication::authenticate(&AccessKeys::default(), &Signer::shared(), &received).await;
    checked.map_err(|denial| denial.to_string())
}
