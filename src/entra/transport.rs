//! Sends the requests of `azure_identity`, and recognizes answers of busy token services whatever their body is.

use acs_identity::{http::retry_after, is_transient};
use async_trait::async_trait;
use azure_core::http::{AsyncRawResponse, HttpClient, Request, headers::Headers};
use http::HeaderMap;
use jiff::Timestamp;

use super::answered;

/// The longest part of a body that is shown in an error.
const MAX_SHOWN: usize = 300;

/// An HTTP client that returns transient answers as errors.
///
/// `azure_identity` reads errors of Entra as JSON and would drop the status and `Retry-After` of any other body.
#[derive(Debug)]
pub(super) struct Transport(pub(super) reqwest::Client);

#[async_trait]
impl HttpClient for Transport {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let response = self.0.execute_request(request).await?;
        let (status, wait) = (response.status(), wait(response.headers()));
        if !is_transient(&answered(status, None, None, String::new())) {
            return Ok(response);
        }
        let body = response.try_into_raw_response().await?;
        let text: String = String::from_utf8_lossy(body.body()).chars().take(MAX_SHOWN).collect();
        Err(answered(status, None, wait, format!("the token service answered {status}: {text}")))
    }
}

fn wait(headers: &Headers) -> Option<std::time::Duration> {
    let header =
        headers.iter().filter_map(|(name, value)| Some((name.as_str().parse().ok()?, value.as_str().parse().ok()?)));
    retry_after(&header.collect::<HeaderMap>(), Timestamp::now())
}
