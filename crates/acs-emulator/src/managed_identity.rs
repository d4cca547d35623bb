//! The managed identity of an app beside the emulator: its tokens, as App Service gives them, and their check.
//!
//! <https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference>

use std::fmt;

use http::{StatusCode, request::Parts};
use jiff::{SignedDuration, Timestamp};
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::{Uuid, uuid};

use super::{
    DEVELOPMENT_IDENTITY_HEADER, Service,
    jwt::{Issuer, Signer},
    teams::development_tenant,
};

/// Who tokens for ACS are meant for, slash included.
const AUDIENCE: &str = "https://communication.azure.com/";

/// The version of the protocol.
const VERSION: &str = "2019-08-01";

/// Who the app is where it does not name a user-assigned identity.
const SYSTEM_ASSIGNED: Uuid = uuid!("5e11a551-0000-4000-8000-5e11a5510000");

/// A day, as Entra gives to managed identities.
const LIFETIME: i32 = 86_400;

/// The claims of an Entra access token (version 1.0) for an app.
#[derive(Serialize)]
struct Claims<'a> {
    aud: &'a str,
    iss: String,
    iat: i64,
    nbf: i64,
    exp: i64,
    appid: Uuid,
    appidacr: &'static str,
    idtyp: &'static str,
    oid: Uuid,
    sub: Uuid,
    tid: Uuid,
    ver: &'static str,
}

/// The claims that are checked.
#[derive(Deserialize)]
struct Checked {
    aud: String,
    exp: i64,
}

/// What is wrong with a bearer token. The token is never repeated.
#[derive(Debug)]
pub(super) enum BearerFault {
    PlainHttp,
    Unknown,
    Audience(String),
    Expired(i64),
}

impl fmt::Display for BearerFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PlainHttp => f.write_str("a bearer token came over plain http; use the emulator's https address"),
            Self::Unknown => f.write_str("the bearer token is none that this emulator gave since its start"),
            Self::Audience(audience) => write!(f, "the bearer token is for '{audience}', not for '{AUDIENCE}'"),
            Self::Expired(seconds) => write!(f, "the bearer token expired {seconds} seconds ago"),
        }
    }
}

/// Believes the bearer of a token for ACS that was given at the control API and is not over yet.
pub(super) async fn check(signer: &Signer, token: &str, secure: bool, now: Timestamp) -> Result<(), BearerFault> {
    if !secure {
        return Err(BearerFault::PlainHttp);
    }
    let Checked { aud, exp } = signer.verify(Issuer::Entra, token).await.ok_or(BearerFault::Unknown)?;
    if aud != AUDIENCE {
        return Err(BearerFault::Audience(aud));
    }
    let over = now.as_second() - exp;
    if over >= 0 { Err(BearerFault::Expired(over)) } else { Ok(()) }
}

/// The answer of App Service's token endpoint, or the status and message of its error.
pub(super) async fn token(service: &Service, parts: &Parts, now: Timestamp) -> Result<Value, (StatusCode, String)> {
    let refused = |status, why: &str| Err((status, why.to_owned()));
    if parts.headers.get("x-identity-header").is_none_or(|header| header != DEVELOPMENT_IDENTITY_HEADER) {
        return refused(StatusCode::UNAUTHORIZED, "the X-IDENTITY-HEADER is not the emulator's");
    }
    let query = parts.uri.query().unwrap_or_default();
    let parameter = |name: &str| {
        let value = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        value.map(|value| percent_decode_str(value).decode_utf8_lossy())
    };
    if parameter("api-version").is_none_or(|version| version != VERSION) {
        return refused(StatusCode::BAD_REQUEST, "the api-version must be 2019-08-01");
    }
    let Some(resource) = parameter("resource").filter(|resource| !resource.is_empty()) else {
        return refused(StatusCode::BAD_REQUEST, "the resource is missing");
    };
    let client_id = parameter("client_id").map_or(Ok(SYSTEM_ASSIGNED), |id| Uuid::try_parse(&id));
    let Ok(client_id) = client_id else { return refused(StatusCode::BAD_REQUEST, "the client_id is not a guid") };

    let lifetime = {
        let mut state = service.state();
        state.managed_identity_tokens += 1;
        state.settings.managed_identity_token_lifetime_seconds.unwrap_or(LIFETIME)
    };
    let expires_on = now + SignedDuration::from_secs(lifetime.into());
    let token = service.signer.sign(Issuer::Entra, &claims(&resource, client_id, now, expires_on)).await;
    let Ok(token) = token else { return refused(StatusCode::INTERNAL_SERVER_ERROR, "no token could be signed") };
    Ok(json!({
        "access_token": token,
        "client_id": client_id,
        // A text: of all the answers with seconds in them, this protocol has them so.
        "expires_on": expires_on.as_second().to_string(),
        "resource": resource,
        "token_type": "Bearer",
    }))
}

fn claims(audience: &str, client_id: Uuid, now: Timestamp, expires_on: Timestamp) -> Claims<'_> {
    let tid = development_tenant();
    Claims {
        aud: audience,
        iss: format!("https://sts.windows.net/{tid}/"),
        iat: now.as_second(),
        nbf: now.as_second(),
        exp: expires_on.as_second(),
        appid: client_id,
        appidacr: "2",
        idtyp: "app",
        oid: client_id,
        sub: client_id,
        tid,
        ver: "1.0",
    }
}
