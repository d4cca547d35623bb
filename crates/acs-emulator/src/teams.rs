//! The exchange of a Teams user's Entra token, and the Entra tokens of test users.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use crate::{
    api_error::ApiError,
    options::DEVELOPMENT_TENANT,
    service::Service,
    tokens::{Issuer, Signer, TokenBody, entra_claims},
};
use acs_identity::types::format_timestamp;

/// The audience of Entra tokens for the exchange.
pub(crate) const AUDIENCE: &str = "https://auth.msft.communication.azure.com";

/// The body of an exchange.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ExchangeRequest {
    token: Option<String>,
    app_id: Option<String>,
    user_id: Option<String>,
}

/// A request to the control API for a test user's Entra token.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct EntraTokenSpec {
    app_id: Uuid,
    user_id: Uuid,
    tenant_id: Option<Uuid>,
    /// The scopes, separated by spaces; those of the exchange for Teams by default.
    scope: Option<String>,
    /// One hour by default; negative for an expired token.
    expires_in_seconds: Option<i32>,
}

/// The claims of an Entra token that the exchange validates.
#[derive(Deserialize)]
struct EntraClaims {
    aud: String,
    exp: i64,
    appid: Uuid,
    oid: Uuid,
    tid: Uuid,
}

/// Exchanges an Entra token for a token of ACS, which expires in the same second.
///
/// Recordings show that the token is validated before the other fields, even before they are missing.
pub(crate) async fn exchange(
    service: &Service,
    request: ExchangeRequest,
    now: Timestamp,
) -> Result<TokenBody, ApiError> {
    let token = request.token.ok_or(ApiError::NoTeamsToken)?;
    let entra: EntraClaims = service.signer.verify(Issuer::Entra, &token).await.ok_or(ApiError::InvalidAccessToken)?;
    if entra.exp <= now.as_second() || entra.aud != AUDIENCE {
        return Err(ApiError::InvalidAccessToken);
    }
    let (app_id, user_id) = (required(request.app_id, "AppId")?, required(request.user_id, "UserId")?);
    let app_id = guid(&app_id, "appId", "Provided AppId has invalid format.")?;
    let user_id = guid(&user_id, "userId", "Provided UserId has invalid format.")?;
    if entra.appid != app_id {
        return Err(ApiError::invalid("appId", "AAD application is not the expected one."));
    }
    if entra.oid != user_id {
        return Err(ApiError::invalid("userId", "Provided AAD token issued for unexpected user."));
    }
    // Recorded times have sub-seconds, which an Entra token does not have.
    let expires_on = Timestamp::new(entra.exp, now.subsec_nanosecond()).map_err(|_| ApiError::InvalidAccessToken)?;
    let (resource, skypeid) = (service.options.resource, format!("orgid:{user_id}"));
    service.signer.acs_token(resource, &skypeid, Some(entra.tid), "chat,voip", now, expires_on).await
}

/// Returns a field that is neither missing nor empty.
fn required(field: Option<String>, name: &'static str) -> Result<String, ApiError> {
    field.filter(|text| !text.is_empty()).ok_or(ApiError::Required(name))
}

/// Parses a GUID.
fn guid(text: &str, target: &'static str, message: &'static str) -> Result<Uuid, ApiError> {
    Uuid::try_parse(text).map_err(|_| ApiError::invalid(target, message))
}

/// Returns the Entra token that a test user gets at sign-in.
pub(crate) async fn entra_token(signer: &Signer, spec: &EntraTokenSpec, now: Timestamp) -> Result<TokenBody, ApiError> {
    // Whole seconds, as in the token.
    let exp = now.as_second() + i64::from(spec.expires_in_seconds.unwrap_or(3600));
    let expires_on = Timestamp::from_second(exp).map_err(|_| ApiError::Internal)?;
    let mut claims = entra_claims(
        AUDIENCE,
        spec.tenant_id.unwrap_or(DEVELOPMENT_TENANT),
        spec.app_id,
        spec.user_id,
        now,
        expires_on,
    );
    claims["scp"] = json!(spec.scope.as_deref().unwrap_or("Teams.ManageCalls Teams.ManageChats"));
    Ok(TokenBody { token: signer.sign(Issuer::Entra, &claims).await?, expires_on: format_timestamp(expires_on) })
}
