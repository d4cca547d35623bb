//! `DELETE me`: deletes the signed-in user's identity, with all its tokens, and the user's record.

use http::StatusCode;

use super::me::Me;
use crate::problem::Problem;

/// Deletes the user. Answers 204, also if the user has no identity.
///
/// # Errors
/// See [`Problem`].
pub async fn handle(Me { user, directory }: Me) -> Result<StatusCode, Problem> {
    directory.delete_user(user).await?;
    Ok(StatusCode::NO_CONTENT)
}
