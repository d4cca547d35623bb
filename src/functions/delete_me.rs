//! `DELETE me`: the signed-in person's identity ends with all its tokens, and it is forgotten whose it was.

use http::StatusCode;

use super::me::{Me, witness};
use crate::{callers::audit::Auditor, problem::Problem};

/// Forgets the person: 204, also where there is nothing to forget.
///
/// # Errors
/// See [`Problem`].
pub async fn handle(Me { user, directory }: Me, auditor: Auditor) -> Result<StatusCode, Problem> {
    // Which identity it was stands in the record of its deletion.
    let mut record = auditor.record("delete-me");
    record.settle(directory.forget(user, &witness(&auditor)).await)?;
    Ok(StatusCode::NO_CONTENT)
}
