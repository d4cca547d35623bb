//! `POST identities/{id}/tokens`: a token for an identity; issuing again is how one refreshes.

use acs_identity::{
    IdentityClient,
    types::{Scope, TokenLifetime},
};
use axum::{Extension, extract::State, response::Response};

use super::token;
use crate::{
    access::policy::EffectivePolicy,
    auth::audit::Auditor,
    extract::{FromFields, Json, Path, TokenFormat, fields::Fields},
    problem::Problem,
};

/// `{"scopes": ["voip"], "expiresInMinutes": 60}`, the lifetime optional. So are the scopes where a policy says which ones
/// the caller may have.
#[derive(Debug)]
pub struct Request {
    scopes: Option<Vec<Scope>>,
    lifetime: Option<TokenLifetime>,
}

impl FromFields for Request {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let scopes = if fields.context().get().is_some_and(EffectivePolicy::is_limited) {
            fields.optional("scopes", token::scopes)
        } else {
            fields.required("scopes", token::SCOPES_REMEDY, token::scopes)
        };
        Some(Self { scopes, lifetime: token::expires_in_minutes(fields) })
    }
}

/// Issues the token: 200, as JSON, or bare for `Accept: text/plain`.
///
/// # Errors
/// See [`Problem`].
pub async fn handle(
    State(acs): State<IdentityClient>,
    Extension(allowance): Extension<EffectivePolicy>,
    auditor: Auditor,
    Path(id): Path,
    format: TokenFormat,
    Json(request): Json<Request>,
) -> Result<Response, Problem> {
    let mut record = auditor.record("issue-token");
    record.identity(&id);
    let token = token::allowed(&allowance, request.scopes.as_deref(), request.lifetime, &mut record)?;
    let token = record.settle(acs.issue_token(&id, &token).await)?;
    Ok(token::answer(&token, None, format))
}
