//! `DELETE me/tokens`: revokes all tokens of the signed-in user.

use http::StatusCode;

use super::me::Me;
use crate::problem::Problem;

/// Revokes the tokens. Answers 204, also if the user has no identity.
///
/// # Errors
/// See [`Problem`].
pub async fn handle(Me { user, directory }: Me) -> Result<StatusCode, Problem> {
    directory.revoke_tokens(user).await?;
    Ok(StatusCode::NO_CONTENT)
}
