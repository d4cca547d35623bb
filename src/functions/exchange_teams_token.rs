//! `POST teams/tokens`: exchanges a Teams user's Entra token for an ACS token.
//!
//! <https://learn.microsoft.com/azure/communication-services/quickstarts/manage-teams-identity>

use acs_identity::{IdentityClient, TeamsTokenRequest};
use axum::{extract::State, response::Response};
use secrecy::SecretString;
use serde_json::Value;
use uuid::Uuid;

use super::token;
use crate::{
    extract::{
        FromFields, Json, TokenFormat,
        fields::{ErrorsOfField, Fields},
    },
    problem::Problem,
    request_log,
};

/// `{"token": "<Entra token>", "appId": "<guid>", "userId": "<guid>"}`.
#[derive(Debug)]
#[cfg_attr(test, derive(utoipa::ToSchema), schema(as = ExchangeTeamsTokenRequest, rename_all = "camelCase"))]
pub struct Request {
    /// The Teams user's Entra token.
    #[cfg_attr(test, schema(value_type = String, min_length = 1))]
    token: SecretString,
    /// The id of the Entra application.
    #[cfg_attr(test, schema(value_type = super::openapi::schemas::Guid))]
    app_id: Uuid,
    /// The object id of the Teams user in Entra.
    #[cfg_attr(test, schema(value_type = super::openapi::schemas::Guid))]
    user_id: Uuid,
}

impl FromFields for Request {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let token = token(fields);
        let app_id = fields.required("appId", "the id of the Entra application, a GUID", guid);
        let user_id = fields.required("userId", "the object id of the Teams user in Entra, a GUID", guid);
        Some(Self { token: token?, app_id: app_id?, user_id: user_id? })
    }
}

/// Takes the field `token`.
pub(super) fn token(fields: &mut Fields) -> Option<SecretString> {
    const EXPECTED: &str = "the Teams user's Entra token, a string";
    fields.required("token", EXPECTED, |errors, value| {
        let token = value.as_str().filter(|token| !token.is_empty());
        if token.is_none() {
            errors.add(format!("Must be {EXPECTED}."));
        }
        token.map(|token| token.to_owned().into())
    })
}

/// Reads a GUID.
pub(super) fn guid(errors: &mut ErrorsOfField<'_>, value: &Value) -> Option<Uuid> {
    let guid = value.as_str().filter(|text| text.len() == 36).and_then(|text| text.parse().ok());
    if guid.is_none() {
        errors.add("Must be a GUID, such as 2c3e1e83-8fd7-4615-ad2b-b8c1229845ac.");
    }
    guid
}

/// Exchanges the token. Answers 200 with JSON, or the bare token for `Accept: text/plain`.
///
/// # Errors
/// See [`Problem`].
pub async fn handle(
    State(acs): State<IdentityClient>,
    format: TokenFormat,
    Json(Request { token, app_id, user_id }): Json<Request>,
) -> Result<Response, Problem> {
    request_log::record(|log| log.set_identity(&user_id.to_string()));
    let token = acs.exchange_teams_token(&TeamsTokenRequest { token, app_id, user_id }).await?;
    Ok(token::answer(&token, None, format))
}
