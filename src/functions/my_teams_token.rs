//! `POST me/teams-token`: exchanges the signed-in user's own Entra token for an ACS token.
//!
//! <https://learn.microsoft.com/azure/communication-services/quickstarts/manage-teams-identity>

use acs_identity::{IdentityClient, TeamsTokenRequest};
use axum::{
    extract::{FromRequestParts, State},
    response::Response,
};
use http::request::Parts;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use uuid::Uuid;

use super::{
    Services,
    entra_token::{self, TEAMS},
    exchange_teams_token, me, token,
};
use crate::{
    auth::EntraAccount,
    directory::UserId,
    extract::{FromFields, Json, TokenFormat, fields::Fields},
    problem::{Kind, Problem},
    request_log,
};

/// `{"token": "<Entra token>"}`.
#[derive(Debug)]
#[cfg_attr(test, derive(utoipa::ToSchema), schema(as = MyTeamsTokenRequest))]
pub struct Request {
    /// The user's Entra token with the scope `Teams.ManageCalls` or `Teams.ManageChats`.
    #[cfg_attr(test, schema(value_type = String, min_length = 1))]
    token: SecretString,
}

impl FromFields for Request {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        exchange_teams_token::token(fields).map(|token| Self { token })
    }
}

/// The signed-in user's Entra account, and the application that the user signed in to.
#[derive(Debug)]
pub struct TeamsUser(pub(super) EntraAccount, pub(super) Uuid);

impl FromRequestParts<Services> for TeamsUser {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, services: &Services) -> Result<Self, Problem> {
        let user = me::user(parts)?;
        // The exchange needs no directory, but a directory may say that the user is blocked.
        if let Some(directory) = &services.directory {
            directory.check_not_blocked(UserId::from(*user.subject.hash())).await?;
        }
        let forbidden = |detail: &str| Problem::new(Kind::Forbidden, detail);
        let account = user.account.ok_or_else(|| {
            forbidden("Your bearer token is not from Microsoft Entra. Only Entra accounts have Teams users.")
        })?;
        let app = account.app_id.ok_or_else(|| {
            forbidden("Your bearer token does not name the application you signed in to: it has no azp or appid claim.")
        })?;
        request_log::record(|log| log.set_identity(&account.object_id.to_string()));
        Ok(Self(account, app))
    }
}

/// Exchanges the token. Answers 200 with JSON, or the bare token for `Accept: text/plain`.
///
/// # Errors
/// See [`Problem`].
pub async fn handle(
    State(acs): State<IdentityClient>,
    TeamsUser(account, app_id): TeamsUser,
    format: TokenFormat,
    Json(Request { token }): Json<Request>,
) -> Result<Response, Problem> {
    entra_token::check(token.expose_secret(), &TEAMS, Some((&account, app_id)), Timestamp::now())?;
    let request = TeamsTokenRequest { token, app_id, user_id: account.object_id };
    let token = acs.exchange_teams_token(&request).await?;
    Ok(token::answer(&token, None, format))
}
