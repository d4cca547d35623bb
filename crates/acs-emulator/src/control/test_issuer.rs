//! The part of the control API below the path of a test issuer.

use serde_json::json;

use super::{ControlError, Outcome, json_body};
use crate::{
    api_error::ApiError,
    request::Received,
    service::Service,
    test_issuer::{IssuerKeys, discovery},
};

/// The paths below that of a test issuer.
const PATHS: [(&str, &str); 5] = [
    ("/.well-known/openid-configuration", "GET"),
    ("/jwks", "GET"),
    ("/tokens", "POST"),
    ("/rotate", "POST"),
    ("/fetches", "GET"),
];

/// Answers a request to a test issuer. Every path is an issuer: what precedes a path of [`PATHS`] is its name.
pub(super) async fn perform(service: &Service, request: &Received, path: &str) -> Outcome {
    let split = PATHS.iter().find_map(|(known, _)| Some((path.strip_suffix(known)?, *known)));
    let (issuer, document) = split.unwrap_or(("", path));
    // The scheme is always http: services compare the issuer with the one in their settings.
    let host = request.header("host").unwrap_or_default();
    let issuer = format!("http://{host}/_emulator/{issuer}");
    match (document, request.parts.method.as_str()) {
        ("/.well-known/openid-configuration", "GET") => {
            service.state().test_issuer.fetches.discovery += 1;
            Ok(Some(discovery(&issuer)))
        }
        ("/jwks", "GET") => {
            with_issuer_keys(service).await?;
            let mut state = service.state();
            state.test_issuer.fetches.keys += 1;
            Ok(Some(state.test_issuer.key_set()?))
        }
        ("/tokens", "POST") => {
            let spec = json_body(request)?;
            with_issuer_keys(service).await?;
            let token = service.state().test_issuer.token(&issuer, spec)?;
            Ok(Some(json!({ "token": token })))
        }
        ("/rotate", "POST") => {
            let keys = IssuerKeys::generate().await?;
            service.change(|state| {
                state.test_issuer.rotate(keys);
                Ok(None)
            })
        }
        ("/fetches", "GET") => Ok(Some(json!(service.state().test_issuer.fetches))),
        _ => Err(ControlError::no_route(&request.parts.method, document, &PATHS)),
    }
}

/// Generates the keys of the test issuer before their first use.
async fn with_issuer_keys(service: &Service) -> Result<(), ApiError> {
    if service.state().test_issuer.keys.is_none() {
        let keys = IssuerKeys::generate().await?;
        service.change(|state| {
            state.test_issuer.keys.get_or_insert(keys); // another request may have set them meanwhile
            Ok::<_, ApiError>(())
        })?;
    }
    Ok(())
}
