//! `DELETE me/tokens`: all tokens of the signed-in person's identity end.

use http::StatusCode;

use super::me::{Me, witness};
use crate::{auth::audit::Auditor, problem::Problem};

/// Revokes the tokens: 204, also where there is no identity.
///
/// # Errors
/// See [`Problem`].
pub async fn handle(Me { user, directory }: Me, auditor: Auditor) -> Result<StatusCode, Problem> {
    let mut record = auditor.record("revoke-my-tokens");
    let revoked = directory.revoke_tokens(user, &witness(&auditor)).await;
    if let Ok(Some(id)) = &revoked {
        record.identity(id);
    }
    record.settle(revoked)?;
    Ok(StatusCode::NO_CONTENT)
}
