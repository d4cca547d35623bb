//! CORS: answers preflight requests, and adds the CORS headers to other answers.

use http::{HeaderName, Method, header};
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::allowed_origins::{Cors, Origins};
use super::request::REQUEST_ID;

/// Creates the layer.
pub(super) fn layer(cors: &Cors) -> CorsLayer {
    let origins = match &cors.origins {
        Origins::Any => AllowOrigin::any(),
        Origins::List(origins) => AllowOrigin::list(origins.iter().cloned()),
    };
    // Without x-functions-key: function keys do not belong in a browser.
    CorsLayer::new()
        .allow_origin(origins)
        .allow_credentials(cors.credentials)
        .allow_methods([Method::GET, Method::POST, Method::DELETE])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE])
        .expose_headers([
            header::LOCATION,
            header::RETRY_AFTER,
            header::WWW_AUTHENTICATE,
            HeaderName::from_static(REQUEST_ID),
        ])
        // The maximum of Chromium: two hours.
        .max_age(std::time::Duration::from_secs(7200))
}
