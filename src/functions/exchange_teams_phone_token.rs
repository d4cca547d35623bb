//! `POST teams-phone/tokens`: exchanges a Teams user's Entra token for an identity of Teams Phone and its ACS token.
//!
//! <https://learn.microsoft.com/azure/communication-services/quickstarts/tpe/teams-phone-extensibility-access-teams-phone>

use acs_identity::{CreatedIdentity, IdentityClient};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::header::CONTENT_TYPE;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};

use super::{
    create_identity::Created,
    entra_token::{self, TEAMS_PHONE},
    exchange_teams_token, token,
};
use crate::{
    extract::{FromFields, Json, fields::Fields},
    problem::Problem,
};

/// `{"token": "<Entra token>"}`.
#[derive(Debug)]
#[cfg_attr(test, derive(utoipa::ToSchema), schema(as = TeamsPhoneTokenRequest))]
pub struct Request {
    /// The user's Entra token with the scope `TeamsExtension.ManageCalls`.
    #[cfg_attr(test, schema(value_type = String, min_length = 1))]
    pub(super) token: SecretString,
}

impl FromFields for Request {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        exchange_teams_token::token(fields).map(|token| Self { token })
    }
}

/// Exchanges the token. Answers 200 with the identity and its token.
///
/// # Errors
/// See [`Problem`].
pub async fn handle(
    State(acs): State<IdentityClient>,
    Json(Request { token: entra }): Json<Request>,
) -> Result<Response, Problem> {
    entra_token::check(entra.expose_secret(), &TEAMS_PHONE, None, Timestamp::now())?;
    let CreatedIdentity { id, token } = acs.exchange_teams_phone_token(&entra).await?;
    let body = token::to_json(&Created::new(&id, Some(&token)));
    Ok(([(CONTENT_TYPE, "application/json")], body).into_response())
}
