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
const PATHS: [(&str, &str); 9] = [
    (DISCOVERY, "GET"),
    (KEYS, "GET"),
    (AUTHORIZE, "GET or POST"),
    (TOKEN, "POST"),
    (USER_INFO, "GET or POST"),
    (LOGOUT, "GET or POST"),
    ("/tokens", "POST"),
    ("/rotate", "POST"),
    ("/fetches", "GET"),
];

const DISCOVERY: &str = "/.well-known/openid-configuration";
const KEYS: &str = "/jwks";
pub(super) const AUTHORIZE: &str = "/authorize";
pub(super) const TOKEN: &str = "/token";
pub(super) const USER_INFO: &str = "/userinfo";
pub(super) const LOGOUT: &str = "/logout";

/// The documents that pages of allowed origins may read.
const READABLE: [&str; 4] = [DISCOVERY, KEYS, TOKEN, USER_INFO];

/// Splits a path below `/_emulator/` into that of a test issuer and the rest. Every path is an issuer: what precedes a
/// path of [`PATHS`] is its name. Returns `None` for a path that is not of a test issuer.
pub(super) fn split(path: &str) -> Option<(&str, &str)> {
    if path != "oidc" && !path.starts_with("oidc/") {
        return None;
    }
    let split = PATHS.iter().find_map(|(known, _)| Some((path.strip_suffix(known)?, *known)));
    Some(split.unwrap_or(("", path)))
}

/// Returns whether pages of allowed origins may read the answer at this path.
pub(super) fn is_readable(path: &str) -> bool {
    split(path).is_some_and(|(_, document)| READABLE.contains(&document))
}

/// Returns the name of the issuer at a path, which is that of its URL: clients compare them.
pub(super) fn issuer(request: &Received, path: &str) -> String {
    format!("{}/_emulator/{path}", request.origin())
}

/// Answers a request to a test issuer.
pub(super) async fn perform(service: &Service, request: &Received, (issuer, document): (&str, &str)) -> Outcome {
    let issuer = self::issuer(request, issuer);
    match (document, request.parts.method.as_str()) {
        (DISCOVERY, "GET") => {
            service.state().test_issuer.fetches.discovery += 1;
            Ok(Some(discovery(&issuer)))
        }
        (KEYS, "GET") => {
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
pub(super) async fn with_issuer_keys(service: &Service) -> Result<(), ApiError> {
    if service.state().test_issuer.keys.is_none() {
        let keys = IssuerKeys::generate().await?;
        service.change(|state| {
            state.test_issuer.keys.get_or_insert(keys); // another request may have set them meanwhile
            Ok::<_, ApiError>(())
        })?;
    }
    Ok(())
}
