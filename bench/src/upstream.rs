//! An upstream that answers at once with constants, so that only the program in front of it is measured.

use std::net::SocketAddr;

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{Method, Response, StatusCode, header},
};
use tokio::net::TcpListener;

use crate::Result;

/// The identity that every answer names.
pub const IDENTITY: &str = "8:acs:acacacac-acac-4aca-8aca-acacacacacac_0f8fad5b-d9cb-469f-a165-70867728950e";

/// As long as a token of ACS, which has about a thousand characters.
const TOKEN_LENGTH: usize = 1_000;

/// The expiry of the tokens, in milliseconds since 1970.
pub const EXPIRES_ON_TIMESTAMP: u64 = 4_070_908_800_123;

/// Returns the token of every answer.
pub fn token() -> String {
    "t".repeat(TOKEN_LENGTH)
}

/// Serves on a free port and returns the address.
pub async fn serve() -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let token = format!(r#"{{"token":"{}","expiresOn":"2099-01-01T00:00:00.1234567+00:00"}}"#, token());
    let created = format!(r#"{{"identity":{{"id":"{IDENTITY}"}},"accessToken":{token}}}"#);
    let app = Router::new().fallback(move |request: Request| {
        let (token, created) = (token.clone(), created.clone());
        async move { answer(request, token, created).await }
    });
    tokio::spawn(axum::serve(listener, app).into_future());
    Ok(address)
}

/// Answers as recorded traffic of ACS does, apart from the constant values.
async fn answer(request: Request, token: String, created: String) -> Response<Body> {
    let (parts, body) = request.into_parts();
    // The connection is reused only if the body has been read.
    let _ = axum::body::to_bytes(body, 16 * 1024).await;
    let (status, body) = match (&parts.method, parts.uri.path()) {
        (&Method::POST, "/identities") => (StatusCode::CREATED, created),
        (&Method::POST, _) => (StatusCode::OK, token),
        _ => (StatusCode::NO_CONTENT, String::new()),
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    for (name, value) in [
        (header::CONTENT_TYPE, "application/json; charset=utf-8"),
        (header::STRICT_TRANSPORT_SECURITY, "max-age=31536000;includeSubDomains"),
        (header::HeaderName::from_static("api-supported-versions"), "2021-03-07, 2022-06-01, 2022-10-01, 2023-10-01"),
        (header::HeaderName::from_static("ms-cv"), "0000000000000000000000.0"),
        (header::HeaderName::from_static("request-context"), "appId="),
        (header::HeaderName::from_static("x-processing-time"), "25ms"),
        (header::HeaderName::from_static("x-cache"), "CONFIG_NOCACHE"),
    ] {
        response.headers_mut().insert(name, header::HeaderValue::from_static(value));
    }
    response
}
