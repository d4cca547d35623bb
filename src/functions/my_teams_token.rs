//! `POST me/teams-token`: the signed-in person's own Entra token for Teams for an ACS token.
//!
//! <https://learn.microsoft.com/azure/communication-services/quickstarts/manage-teams-identity>

mod claims;

use acs_identity::{IdentityClient, TeamsTokenRequest};
use axum::{
    extract::{FromRequestParts, State},
    response::Response,
};
use http::request::Parts;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use uuid::Uuid;

use super::{Services, exchange_teams_token, me, token};
use crate::{
    auth::{EntraAccount, audit::Auditor},
    extract::{FromFields, Json, TokenFormat, fields::Fields},
    problem::{Kind, Problem},
};

/// `{"token": "<Entra token>"}`.
#[derive(Debug)]
pub struct Request(SecretString);

impl FromFields for Request {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        exchange_teams_token::token(fields).map(Self)
    }
}

/// Who calls, as Teams knows them: the account, and the application that it is signed in to.
#[derive(Debug)]
pub struct TeamsUser(EntraAccount, Uuid);

impl FromRequestParts<Services> for TeamsUser {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Services) -> Result<Self, Problem> {
        let account = me::user(parts)?.account.ok_or_else(|| {
            let detail = "You have not signed in with an account in Entra, and Teams knows no other.";
            Problem::new(Kind::Forbidden, detail)
        })?;
        let app = account.app_id.ok_or_else(|| {
            let detail =
                "Your sign-in does not say through which application it was made: it has neither azp nor appid.";
            Problem::new(Kind::Forbidden, detail)
        })?;
        Ok(Self(account, app))
    }
}

/// Exchanges the token: 200, as JSON, or bare for `Accept: text/plain`.
///
/// # Errors
/// See [`Problem`].
pub async fn handle(
    State(acs): State<IdentityClient>,
    TeamsUser(account, app_id): TeamsUser,
    auditor: Auditor,
    format: TokenFormat,
    Json(Request(token)): Json<Request>,
) -> Result<Response, Problem> {
    let mut record = auditor.record("my-teams-token");
    record.subject(&account.object_id.to_string());
    record.unless_refused(claims::check(token.expose_secret(), &account, app_id, Timestamp::now()))?;
    let request = TeamsTokenRequest { token, app_id, user_id: account.object_id };
    let token = record.settle(acs.exchange_teams_token(&request).await)?;
    Ok(token::answer(&token, None, format))
}
