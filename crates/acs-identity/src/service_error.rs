//! Reads error responses of ACS.

use jiff::Timestamp;
use reqwest::{StatusCode, header::HeaderMap};
use serde::Deserialize;
use uuid::Uuid;

use crate::{
    error::{ErrorKind, ServiceError},
    retry_after::{http_date, retry_after},
};

#[derive(Deserialize)]
struct WireErrorResponse {
    error: WireError,
}

#[derive(Deserialize)]
struct WireError {
    code: String,
    message: String,
    target: Option<String>,
}

impl ServiceError {
    /// Reads an error response. `request_id` is the `x-ms-client-request-id` of the request.
    #[must_use]
    pub fn from_response(status: StatusCode, headers: &HeaderMap, body: &[u8], request_id: Uuid) -> Self {
        // A proxy may have answered instead of ACS. Then the status is all there is.
        let error = serde_json::from_slice::<WireErrorResponse>(body).ok().map(|response| response.error);
        let (code, message, target) =
            error.map_or_else(<_>::default, |error| (error.code, error.message, error.target));
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let now = Timestamp::now();
        Self {
            status,
            kind: ErrorKind::new(status, &code),
            code,
            message,
            target,
            ms_cv: text("ms-cv").map(str::to_owned),
            request_id,
            retry_after: retry_after(headers, now),
            clock_skew: text("date").and_then(http_date).map(|theirs| now.duration_since(theirs)),
            supported_versions: text("api-supported-versions").map(str::to_owned),
        }
    }
}
