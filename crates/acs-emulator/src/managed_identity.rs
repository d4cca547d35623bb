//! The managed identity of an app: the token endpoint of App Service, and the validation of its tokens.
//!
//! <https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference>

use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::{Uuid, uuid};

use crate::{
    options::{DEVELOPMENT_IDENTITY_HEADER, DEVELOPMENT_TENANT},
    request::Received,
    service::Service,
    tokens::{Issuer, Signer, entra_claims},
};

/// The audience of tokens for ACS, with its slash.
const AUDIENCE: &str = "https://communication.azure.com/";

/// The client id of the system-assigned identity.
const SYSTEM_ASSIGNED: Uuid = uuid!("5e11a551-0000-4000-8000-5e11a5510000");

/// The lifetime of a token in seconds: one day, as in Entra ID.
const LIFETIME: i32 = 86_400;

/// The reason why a bearer token is invalid. It never contains the token.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BearerError {
    #[error("a bearer token was sent over plain http; use the emulator's https address")]
    PlainHttp,
    #[error("the bearer token was not issued by this emulator")]
    Unknown,
    #[error("the audience of the bearer token is '{0}'; it must be '{AUDIENCE}'")]
    Audience(String),
    #[error("the bearer token expired {0} seconds ago")]
    Expired(i64),
}

/// Validates a bearer token for ACS.
pub(crate) async fn check(signer: &Signer, token: &str, secure: bool, now: Timestamp) -> Result<(), BearerError> {
    #[derive(Deserialize)]
    struct Claims {
        aud: String,
        exp: i64,
    }

    if !secure {
        return Err(BearerError::PlainHttp);
    }
    let Claims { aud, exp } = signer.verify(Issuer::Entra, token).await.ok_or(BearerError::Unknown)?;
    if aud != AUDIENCE {
        return Err(BearerError::Audience(aud));
    }
    let age = now.as_second() - exp;
    if age >= 0 { Err(BearerError::Expired(age)) } else { Ok(()) }
}

/// Returns the answer of App Service's token endpoint, or the status and message of an error.
pub(crate) async fn token(service: &Service, request: &Received) -> Result<Value, (StatusCode, &'static str)> {
    let bad_request = |why| (StatusCode::BAD_REQUEST, why);
    if request.header("x-identity-header") != Some(DEVELOPMENT_IDENTITY_HEADER) {
        return Err((StatusCode::UNAUTHORIZED, "the X-IDENTITY-HEADER is not that of the emulator"));
    }
    if request.query("api-version").is_none_or(|version| version != "2019-08-01") {
        return Err(bad_request("the api-version must be 2019-08-01"));
    }
    let resource = request.query("resource").filter(|resource| !resource.is_empty());
    let resource = resource.ok_or(bad_request("the resource is missing"))?;
    let client_id = request.query("client_id").map_or(Ok(SYSTEM_ASSIGNED), |id| Uuid::try_parse(&id));
    let client_id = client_id.map_err(|_| bad_request("the client_id is not a GUID"))?;

    let lifetime = {
        let mut state = service.state();
        state.managed_identity_tokens += 1;
        state.settings.managed_identity_token_lifetime_seconds.unwrap_or(LIFETIME)
    };
    let expires_on = request.at + SignedDuration::from_secs(lifetime.into());
    let mut claims = entra_claims(&resource, DEVELOPMENT_TENANT, client_id, client_id, request.at, expires_on);
    claims["appidacr"] = json!("2");
    claims["idtyp"] = json!("app");
    claims["sub"] = json!(client_id);
    let token = service.signer.sign(Issuer::Entra, &claims).await;
    let token = token.map_err(|_| (StatusCode::INTERNAL_SERVER_ERROR, "the token could not be signed"))?;
    Ok(json!({
        "access_token": token,
        "client_id": client_id,
        // This protocol has the Unix time as a string.
        "expires_on": expires_on.as_second().to_string(),
        "resource": resource,
        "token_type": "Bearer",
    }))
}
