//! The exchange of a Teams user's Entra token, and the Entra tokens of test users to exchange.

use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    Service,
    answer::Answer,
    api_error::ApiError,
    jwt::{Issuer, Signer},
    operations::{Call, TokenBody},
};
use acs_identity::types::format_timestamp;

/// Who Entra tokens for the exchange are meant for.
const AUDIENCE: &str = "https://auth.msft.communication.azure.com";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExchangeRequest {
    token: Option<String>,
    app_id: Option<String>,
    user_id: Option<String>,
}

/// What the control API takes to make an Entra token.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct EntraRequest {
    app_id: Uuid,
    user_id: Uuid,
    #[serde(default = "development_tenant")]
    tenant_id: Uuid,
    /// Negative for a token that is already over.
    #[serde(default = "an_hour")]
    expires_in_seconds: i32,
}

/// The Entra tenant of everybody here, where nothing else is asked for.
pub(super) const fn development_tenant() -> Uuid {
    uuid::uuid!("e27a0000-0000-4000-8000-e27a00000000")
}

const fn an_hour() -> i32 {
    3600
}

/// The claims of an Entra access token (version 1.0) that the exchange looks at.
#[derive(Serialize, Deserialize)]
struct EntraClaims {
    aud: String,
    iss: String,
    iat: i64,
    nbf: i64,
    exp: i64,
    appid: Uuid,
    oid: Uuid,
    scp: String,
    tid: Uuid,
    ver: String,
}

/// The claims of a Teams user's ACS token. Their order, and that there is no other, is the emulator's guess.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TeamsClaims {
    skypeid: String,
    scp: u16,
    csi: String,
    exp: i64,
    rgn: &'static str,
    tid: Uuid,
    acs_scope: &'static str,
    resource_id: Uuid,
    resource_location: &'static str,
    iat: i64,
}

/// `POST /teamsUser/:exchangeAccessToken`.
pub(super) async fn exchange(service: &Service, call: &Call<'_>) -> Result<Answer, ApiError> {
    let request: ExchangeRequest = call.json()?;
    let token = request.token.ok_or(ApiError::Required("Token"))?;
    let app_id = guid(request.app_id, "AppId", "appId", "Provided AppId has invalid format.")?;
    let user_id = guid(request.user_id, "UserId", "userId", "Provided UserId has invalid format.")?;
    let entra: EntraClaims = service.signer.verify(Issuer::Entra, &token).await.ok_or(ApiError::InvalidAccessToken)?;
    if entra.exp <= call.at.as_second() || entra.aud != AUDIENCE {
        return Err(ApiError::InvalidAccessToken);
    }
    if entra.appid != app_id {
        return Err(ApiError::invalid("appId", "AAD application is not the expected one."));
    }
    if entra.oid != user_id {
        return Err(ApiError::invalid("userId", "Provided AAD token issued for unexpected user."));
    }
    let expires_on = Timestamp::from_second(entra.exp).map_err(|_| ApiError::InvalidAccessToken)?;
    let claims = TeamsClaims {
        skypeid: format!("orgid:{user_id}"),
        scp: 1792,
        csi: call.at.as_second().to_string(),
        exp: entra.exp,
        rgn: "amer",
        tid: entra.tid,
        acs_scope: "chat,voip",
        resource_id: service.options.resource,
        resource_location: "unitedstates",
        iat: call.at.as_second(),
    };
    let token = service.signer.sign(Issuer::Acs, &claims).await?;
    Ok(Answer::json(StatusCode::OK, &TokenBody { token, expires_on: format_timestamp(expires_on) }))
}

/// An absent or empty field fails the model binder, which names the property; anything else fails the operation.
fn guid(
    text: Option<String>,
    property: &'static str,
    target: &'static str,
    message: &'static str,
) -> Result<Uuid, ApiError> {
    let text = text.filter(|text| !text.is_empty()).ok_or(ApiError::Required(property))?;
    Uuid::try_parse(&text).map_err(|_| ApiError::invalid(target, message))
}

/// An Entra token as a test user's sign-in would have given it.
pub(super) async fn entra_token(
    signer: &Signer,
    request: &EntraRequest,
    now: Timestamp,
) -> Result<TokenBody, ApiError> {
    let expires_on = now + SignedDuration::from_secs(request.expires_in_seconds.into());
    let claims = EntraClaims {
        aud: AUDIENCE.to_owned(),
        iss: format!("https://sts.windows.net/{}/", request.tenant_id),
        iat: now.as_second(),
        nbf: now.as_second(),
        exp: expires_on.as_second(),
        appid: request.app_id,
        oid: request.user_id,
        scp: "Teams.ManageCalls Teams.ManageChats".to_owned(),
        tid: request.tenant_id,
        ver: "1.0".to_owned(),
    };
    let expires_on = Timestamp::from_second(claims.exp).unwrap_or(expires_on);
    Ok(TokenBody { token: signer.sign(Issuer::Entra, &claims).await?, expires_on: format_timestamp(expires_on) })
}
