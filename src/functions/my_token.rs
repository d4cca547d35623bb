//! `POST me/token`: issues a token for the signed-in user's own identity, which is created at first use.

use acs_identity::types::{Scope, TokenLifetime};
use axum::{Extension, response::Response};

use super::{me::Me, token};
use crate::{
    access::policy::EffectivePolicy,
    extract::{FromFields, Json, TokenFormat, fields::Fields},
    problem::Problem,
};

/// `{"scopes": ["voip.join"], "expiresInMinutes": 60}`. Each field is optional, and so is the body.
#[derive(Debug)]
#[cfg_attr(test, derive(utoipa::ToSchema), schema(as = MyTokenRequest, rename_all = "camelCase"))]
pub struct Request {
    /// The scopes of the token. The default is all that the policy allows.
    #[cfg_attr(test, schema(value_type = super::openapi::schemas::Scopes, required = false))]
    scopes: Option<Vec<Scope>>,
    /// Minutes until the token expires. The default is the most that the policy allows.
    #[cfg_attr(test, schema(value_type = super::openapi::schemas::Lifetime, required = false))]
    expires_in_minutes: Option<TokenLifetime>,
}

impl FromFields for Request {
    /// A `tokenRefresher` sends no body. If a host drops a body, the token has more scopes than requested, but no more
    /// than the policy allows.
    const BODY_OPTIONAL: bool = true;

    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let scopes = fields.optional("scopes", token::scopes);
        Some(Self { scopes, expires_in_minutes: token::expires_in_minutes(fields) })
    }
}

/// Issues the token. Answers 200 with JSON that names the user's identity, or the bare token for `Accept: text/plain`.
///
/// # Errors
/// See [`Problem`].
pub async fn handle(
    Me { user, directory }: Me,
    Extension(policy): Extension<EffectivePolicy>,
    format: TokenFormat,
    Json(request): Json<Request>,
) -> Result<Response, Problem> {
    let token = token::authorize(&policy, request.scopes.as_deref(), request.expires_in_minutes)?;
    let issued = directory.issue_token(user, &token).await?;
    Ok(token::answer(&issued.token, Some(&issued.id), format))
}
