//! The test issuer's side of the control.

use http::{Method, StatusCode, header, request::Parts};
use hyper::body::Bytes;
use serde_json::json;

use super::{Closed, Opened, json_body};
use crate::{Service, oidc::Failed};

/// What is asked of an issuer, behind its own path.
const ASKED: [&str; 5] = ["/.well-known/openid-configuration", "/jwks", "/tokens", "/roll", "/fetches"];

impl From<Failed> for Closed {
    fn from(_: Failed) -> Self {
        Self(StatusCode::INTERNAL_SERVER_ERROR, "the issuer's cryptography failed".to_owned())
    }
}

/// Answers for the issuer whose path is `path` without what is asked of it.
pub(super) async fn open(service: &Service, parts: &Parts, body: &Bytes, path: &str) -> Opened {
    let oidc = &service.oidc;
    let found = ASKED.iter().find_map(|asked| Some((*asked, path.strip_suffix(asked)?)));
    let Some((asked, issuer)) = found else {
        let why = format!("behind an issuer's path are {}", ASKED.join(", "));
        return Err(Closed(StatusCode::NOT_FOUND, why));
    };
    // Who came in has sent the name of this machine.
    let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let issuer = format!("http://{host}/_emulator/{issuer}");
    match (asked, &parts.method) {
        ("/.well-known/openid-configuration", &Method::GET) => {
            Ok(Some(oidc.discovery(&issuer, &format!("{issuer}/jwks"))))
        }
        ("/jwks", &Method::GET) => {
            let keys = oidc.key_set().await?;
            service.keeper.kept().await?;
            Ok(Some(keys))
        }
        ("/fetches", &Method::GET) => Ok(Some(json!(oidc.fetches()))),
        ("/tokens", &Method::POST) => {
            let token = oidc.token(&issuer, json_body(parts, body)?).await?;
            service.keeper.kept().await?;
            Ok(Some(json!({ "token": token })))
        }
        ("/roll", &Method::POST) => {
            oidc.roll();
            service.keeper.kept().await?;
            Ok(None)
        }
        _ => Err(Closed(StatusCode::METHOD_NOT_ALLOWED, format!("{} is not for {path}", parts.method))),
    }
}
