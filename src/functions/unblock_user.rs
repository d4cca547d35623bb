//! `POST users/unblock`: accepts a blocked user again.

use http::StatusCode;

use super::block_user::Request;
use crate::{directory::Directory, extract::Json, problem::Problem};

/// Unblocks the user. Answers 204, also if the user was not blocked. The tokens stay revoked.
///
/// # Errors
/// See [`Problem`].
pub async fn handle(directory: Directory, Json(Request(user)): Json<Request>) -> Result<StatusCode, Problem> {
    directory.unblock_user(user).await?;
    Ok(StatusCode::NO_CONTENT)
}
