//! `DELETE identities/{id}/tokens`: revokes all tokens of an identity.

use axum::extract::State;
use http::StatusCode;

use crate::{acs, extract::Path, problem::Problem};

/// Revokes the tokens. Answers 204.
///
/// # Errors
/// See [`Problem`].
pub async fn handle(State(acs): State<acs::Client>, Path(id): Path) -> Result<StatusCode, Problem> {
    acs.revoke_tokens(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}
