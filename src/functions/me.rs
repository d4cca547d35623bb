//! Who has signed in, for the functions that serve nobody else.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;

use super::Services;
use crate::{
    auth::{Caller, User, audit::Auditor},
    directory::{Deed, Directory, UserId, Witness},
    problem::{Kind, Problem},
};

/// The person who calls, and the directory that knows which identity is theirs. No part of a request but the proof of who
/// they are has a say in it.
#[derive(Debug)]
pub struct Me {
    pub(super) user: UserId,
    pub(super) directory: Directory,
}

impl FromRequestParts<Services> for Me {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, services: &Services) -> Result<Self, Problem> {
        let user = UserId::from(*user(parts)?.subject.hash());
        let directory = services.directory.clone().ok_or_else(|| {
            let detail =
                "No directory is set up that says whose identity is whose: the operator has to set USER_DIRECTORY.";
            Problem::new(Kind::TurnedOff, detail)
        })?;
        Ok(Self { user, directory })
    }
}

/// The person, as the guard has left them. A route without that guard serves nobody.
pub(super) fn user(parts: &Parts) -> Result<&User, Problem> {
    match parts.extensions.get::<Caller>() {
        Some(Caller::User(user)) => Ok(user),
        _ => Err(Problem::new(Kind::Internal, "Something went wrong in here. The operator's log says more.")
            .with_cause("the route has no guard that lets only people in")),
    }
}

/// Who writes a record for each identity that is made or deleted on the person's behalf.
pub(super) fn witness(auditor: &Auditor) -> Witness {
    let auditor = auditor.clone();
    Arc::new(move |deed, id| {
        let mut record = auditor.record(match deed {
            Deed::Created => "create-identity",
            Deed::Deleted => "delete-identity",
        });
        record.identity(id);
        record.done();
    })
}
