//! `POST users/unblock`: accepts a blocked user again.

use http::StatusCode;

use super::block_user::Request;
use crate::{directory::Directory, extract::Json, problem::Problem};

/// Unblocks the user. Answers 204, also if the user was not blocked. The tokens stay revoked.
///
/// # Errors
/// See [`Problem`].
pub async fn handle(directory: Directory, Json(request): Json<Request>) -> Result<StatusCode, Problem> {
    directory.unblock_user(request.user()).await?;
    Ok(StatusCode::NO_CONTENT)
}
