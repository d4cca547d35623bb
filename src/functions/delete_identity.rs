//! `DELETE identities/{id}`: the identity and all its tokens end.

use acs_identity::IdentityClient;
use axum::extract::State;
use http::StatusCode;

use crate::{auth::audit::Auditor, extract::Path, problem::Problem};

/// Deletes the identity: 204.
///
/// # Errors
/// See [`Problem`].
pub async fn handle(
    State(acs): State<IdentityClient>,
    auditor: Auditor,
    Path(id): Path,
) -> Result<StatusCode, Problem> {
    let mut record = auditor.record("delete-identity");
    record.identity(&id);
    record.settle(acs.delete_identity(&id).await)?;
    Ok(StatusCode::NO_CONTENT)
}
