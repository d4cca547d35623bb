//! `POST me/token`: a token for the signed-in person's own identity, which is made at first use.

use acs_identity::types::{Scope, TokenLifetime};
use axum::{Extension, response::Response};

use super::{
    me::{Me, witness},
    token,
};
use crate::{
    access::policy::EffectivePolicy,
    auth::audit::Auditor,
    extract::{FromFields, Json, TokenFormat, fields::Fields},
    problem::Problem,
};

/// `{"scopes": ["chat.join"], "expiresInMinutes": 60}`, each field optional, and so the body.
#[derive(Debug)]
pub struct Request {
    scopes: Option<Vec<Scope>>,
    lifetime: Option<TokenLifetime>,
}

impl FromFields for Request {
    /// A `tokenRefresher` posts nothing. Where a host loses a body, more is given than was asked for, but no more than
    /// the person may have.
    const BODY_OPTIONAL: bool = true;

    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let scopes = fields.optional("scopes", token::scopes);
        Some(Self { scopes, lifetime: token::expires_in_minutes(fields) })
    }
}

/// Issues the token: 200, as JSON with whose it is, or bare for `Accept: text/plain`.
///
/// # Errors
/// See [`Problem`].
pub async fn handle(
    Me { user, directory }: Me,
    Extension(allowance): Extension<EffectivePolicy>,
    auditor: Auditor,
    format: TokenFormat,
    Json(request): Json<Request>,
) -> Result<Response, Problem> {
    let mut record = auditor.record("my-token");
    let token = token::allowed(&allowance, request.scopes.as_deref(), request.lifetime, &mut record)?;
    let issued = directory.issue_token(user, &token, &witness(&auditor)).await;
    if let Ok(issued) = &issued {
        record.identity(&issued.id);
    }
    let issued = record.settle(issued)?;
    Ok(token::answer(&issued.token, Some(&issued.id), format))
}
