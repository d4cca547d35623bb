//! `DELETE identities/{id}/tokens`: revokes all tokens of an identity.

use acs_identity::IdentityClient;
use axum::extract::State;
use http::StatusCode;

use crate::{extract::Path, problem::Problem};

/// Revokes the tokens. Answers 204.
///
/// # Errors
/// See [`Problem`].
pub async fn handle(State(acs): State<IdentityClient>, Path(id): Path) -> Result<StatusCode, Problem> {
    acs.revoke_tokens(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}
