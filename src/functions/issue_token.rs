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
#[cfg_attr(test, derive(utoipa::ToSchema), schema(as = IssueTokenRequest, rename_all = "camelCase"))]
pub struct Request {
    /// The scopes of the token. Optional if the policy limits the caller: without them, the token has all that the
    /// policy allows.
    #[cfg_attr(test, schema(value_type = super::openapi::schemas::Scopes))]
    scopes: Option<Vec<Scope>>,
    /// Minutes until the token expires. The default is 1440, or the most that the policy allows.
    #[cfg_attr(test, schema(value_type = super::openapi::schemas::Lifetime, required = false))]
    expires_in_minutes: Option<TokenLifetime>,
}

impl FromFields for Request {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let scopes = if token::is_limited(fields) {
            fields.optional("scopes", token::scopes)
        } else {
            fields.required("scopes", token::ScopesExpected, token::scopes)
        };
        Some(Self { scopes, expires_in_minutes: token::expires_in_minutes(fields) })
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
    let token = token::authorize(&policy, request.scopes.as_deref(), request.expires_in_minutes)?;
    let token = acs.issue_token(&id, &token).await?;
    Ok(token::answer(&token, None, format))
}
