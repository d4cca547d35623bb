//! `POST me/teams-phone-token`: exchanges the signed-in user's own Entra token for an ACS token of Teams Phone.

use acs_identity::IdentityClient;
use axum::{extract::State, response::Response};
use jiff::Timestamp;
use secrecy::ExposeSecret as _;

use super::{
    entra_token::{self, TEAMS_PHONE},
    exchange_teams_phone_token::Request,
    my_teams_token::TeamsUser,
    token,
};
use crate::{
    extract::{Json, TokenFormat},
    problem::Problem,
};

/// Exchanges the token. Answers 200 with JSON, or the bare token for `Accept: text/plain`.
///
/// # Errors
/// See [`Problem`].
pub async fn handle(
    State(acs): State<IdentityClient>,
    TeamsUser(account, app_id): TeamsUser,
    format: TokenFormat,
    Json(Request { token: entra }): Json<Request>,
) -> Result<Response, Problem> {
    entra_token::check(entra.expose_secret(), &TEAMS_PHONE, Some((&account, app_id)), Timestamp::now())?;
    let exchanged = acs.exchange_teams_phone_token(&entra).await?;
    Ok(token::answer(&exchanged.token, Some(&exchanged.id), format))
}
