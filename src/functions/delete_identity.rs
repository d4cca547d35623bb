//! `DELETE identities/{id}`: deletes an identity and all its tokens.

use acs_identity::IdentityClient;
use axum::extract::State;
use http::StatusCode;

use crate::{extract::Path, problem::Problem};

/// Deletes the identity. Answers 204.
///
/// # Errors
/// See [`Problem`].
pub async fn handle(State(acs): State<IdentityClient>, Path(id): Path) -> Result<StatusCode, Problem> {
    acs.delete_identity(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}
