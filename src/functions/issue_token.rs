//! `POST identities/{id}/tokens`: issues a token for an identity. To refresh a token, clients request another one.

use acs_identity::{
    IdentityClient,
    types::{Scope, TokenLifetime},
};
use axum::{Extension, extract::State, response::Response};

use super::token;
use crate::{
    access::policy::EffectivePolicy,
    extract::{FromFields, Json, Path, TokenFormat, fields::Fields},
    problem::Problem,
};

/// `{"scopes": ["voip"], "expiresInMinutes": 60}`. The lifetime is optional. The scopes are optional if the policy limits
/// the caller.
#[derive(Debug)]
pub struct Request {
    scopes: Option<Vec<Scope>>,
    lifetime: Option<TokenLifetime>,
}

impl FromFields for Request {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let scopes = if token::is_limited(fields) {
            fields.optional("scopes", token::scopes)
        } else {
            fields.required("scopes", token::ScopesExpected, token::scopes)
        };
        Some(Self { scopes, lifetime: token::expires_in_minutes(fields) })
    }
}

/// Issues the token. Answers 200 with JSON, or the bare token for `Accept: text/plain`.
///
/// # Errors
/// See [`Problem`].
pub async fn handle(
    State(acs): State<IdentityClient>,
    Extension(policy): Extension<EffectivePolicy>,
    Path(id): Path,
    format: TokenFormat,
    Json(request): Json<Request>,
) -> Result<Response, Problem> {
    let token = token::authorize(&policy, request.scopes.as_deref(), request.lifetime)?;
    let token = acs.issue_token(&id, &token).await?;
    Ok(token::answer(&token, None, format))
}
