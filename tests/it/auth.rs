//! Authentication: which credentials are accepted, and how each other one is rejected.

mod callers;
mod issuers;
mod key_sets;
mod rejection;
mod styles;
mod tokens;

use acs_tokens::{
    access::AccessRules,
    auth::{BackendAuth, CallerKey, TrustedIssuer},
    directory::DirectorySettings,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::harness::{Answer, Api};

const KEY: &str = "a key of the web app";

/// Serves the functions with the key, bearer tokens and a directory.
async fn api() -> Api {
    api_with(|_| ()).await
}

async fn api_with(change: impl FnOnce(&mut Vec<TrustedIssuer>)) -> Api {
    let keys = BackendAuth::Keys(vec![CallerKey { name: "web".to_owned(), key: KEY.to_owned().into() }]);
    Api::with_issuers(keys, change, Some(&DirectorySettings::in_memory()), AccessRules::default()).await
}

/// Adds members to an object.
fn with(mut object: Value, members: &Value) -> Value {
    object.as_object_mut().unwrap().extend(members.as_object().cloned().unwrap_or_default());
    object
}

/// Returns a token that is valid for a back end, apart from what `spec` changes.
async fn backend_token(api: &Api, issuer: &str, spec: Value) -> String {
    let claims = json!({ "sub": "a back end", "client_id": "a back end", "roles": ["Tokens.Manage"] });
    let claims = with(claims, &spec["claims"]);
    api.issuer_token(issuer, with(spec, &json!({ "claims": claims }))).await
}

fn create(api: &Api) -> RequestBuilder {
    api.request("POST", "/api/identities").header("content-type", "application/json").body("{}")
}

/// Creates an identity with this value of `Authorization`.
async fn create_as(api: &Api, authorization: &str) -> Answer {
    Answer::of(create(api).header("authorization", authorization)).await
}

/// Returns how often the discovery document and the key set have been fetched.
async fn fetches(api: &Api) -> (u64, u64) {
    let fetches = api.control("GET", "oidc/fetches", None).await;
    (fetches["discovery"].as_u64().unwrap(), fetches["keys"].as_u64().unwrap())
}

fn encode(part: &Value) -> String {
    URL_SAFE_NO_PAD.encode(part.to_string())
}

/// Decodes a part of a token.
fn decode(token: &str, part: usize) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(part).unwrap()).unwrap()).unwrap()
}
