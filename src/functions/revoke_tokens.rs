//! `DELETE identities/{id}/tokens`: all tokens of an identity end.

use acs_identity::IdentityClient;
use axum::extract::State;
use http::StatusCode;

use crate::{auth::audit::Auditor, extract::Path, problem::Problem};

/// Revokes the tokens: 204.
///
/// # Errors
/// See [`Problem`].
pub async fn handle(
    State(acs): State<IdentityClient>,
    auditor: Auditor,
    Path(id): Path,
) -> Result<StatusCode, Problem> {
    let mut record = auditor.record("revoke-tokens");
    record.identity(&id);
    record.settle(acs.revoke_tokens(&id).await)?;
    Ok(StatusCode::NO_CONTENT)
}
