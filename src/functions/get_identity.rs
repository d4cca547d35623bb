//! `GET identities/{id}`: what ACS knows of an identity.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use serde::Serialize;

use super::{
    identity::{WireIdentity, needs_preview},
    token::to_json,
};
use crate::{
    acs::{self, IdentityDetails},
    extract::Path,
    problem::Problem,
};

/// As in the answer of create-identity.
#[derive(Serialize)]
struct Found<'a> {
    identity: WireIdentity<'a>,
}

/// Reads the identity: 200, with its custom id, if it has one, and when it last got a token, if it ever did.
///
/// # Errors
/// [`Kind::TurnedOff`](crate::problem::Kind::TurnedOff) without the preview; otherwise see [`Problem`].
pub async fn handle(State(acs): State<acs::Client>, Path(id): Path) -> Result<Response, Problem> {
    needs_preview(&acs, "Reading an identity")?;
    let IdentityDetails { id, custom_id, last_token_issued_at } = acs.get_identity(&id).await?;
    let body = to_json(&Found { identity: WireIdentity::new(&id, custom_id.as_ref(), last_token_issued_at) });
    Ok(([(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")], body).into_response())
}
