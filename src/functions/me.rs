//! The signed-in user, for the functions under `me`.

use axum::extract::FromRequestParts;
use http::request::Parts;

use super::Services;
use crate::{
    auth::{Caller, User},
    directory::{Directory, UserId},
    problem::Problem,
};

/// The signed-in user and the user directory. The user follows from the validated token alone.
#[derive(Debug)]
pub struct Me {
    pub(super) user: UserId,
    pub(super) directory: Directory,
}

impl FromRequestParts<Services> for Me {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, services: &Services) -> Result<Self, Problem> {
        let user = UserId::from(*user(parts)?.subject.hash());
        Ok(Self { user, directory: Directory::from_request_parts(parts, services).await? })
    }
}

/// Returns the user that the access layer authenticated.
pub(super) fn user(parts: &Parts) -> Result<&User, Problem> {
    match parts.extensions.get::<Caller>() {
        Some(Caller::User(user)) => Ok(user),
        _ => Err(Problem::internal("the function's auth level is not AuthLevel::Bearer")),
    }
}
