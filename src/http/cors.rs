//! CORS: a browser's preflight is answered before anything else, and other answers say who may read them.

use http::{HeaderName, Method, header};
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::allowed_origins::{Cors, Origins};
use super::request::REQUEST_ID;

/// The layer that does it. It stands outside all others, so that refusals and failures can be read by the page, too.
pub(super) fn layer(cors: &Cors) -> CorsLayer {
    let origins = match &cors.origins {
        Origins::Any => AllowOrigin::any(),
        Origins::List(origins) => AllowOrigin::list(origins.iter().cloned()),
    };
    // No x-functions-key: such a key has no business in a browser.
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
        // Two hours is the longest that Chromium keeps one.
        .max_age(std::time::Duration::from_secs(7200))
}
