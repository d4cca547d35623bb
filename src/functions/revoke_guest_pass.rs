//! `DELETE guests/{passId}`: ends a pass, and deletes the identities of its guests with all their tokens.

use axum::extract::RawPathParams;
use http::StatusCode;

use crate::{
    directory::Directory,
    problem::{Kind, Problem},
};

/// Ends the pass. Answers 204, also if it has never been used or has ended before.
///
/// # Errors
/// See [`Problem`].
pub async fn handle(directory: Directory, params: RawPathParams) -> Result<StatusCode, Problem> {
    let id = params.iter().find(|(name, _)| *name == "passId");
    let id = id.and_then(|(_, id)| directory.pass_keys().read_id(id)).ok_or_else(|| {
        let detail =
            "The path has no id of a pass of this service. Use id from the answer of POST guests, not the pass.";
        Problem::new(Kind::InvalidPassId, detail)
    })?;
    directory.end_pass(id).await?;
    Ok(StatusCode::NO_CONTENT)
}
