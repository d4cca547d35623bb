//! The services that functions use.

use acs_identity::IdentityClient;
use axum::extract::{FromRef, FromRequestParts};
use http::request::Parts;
use tokio_util::task::TaskTracker;

use super::docs;
use crate::{
    directory::{Directory, DirectorySettings, StoreError},
    guest_pass::PassKeys,
    problem::{Kind, Problem},
    readiness::Readiness,
};

/// The services that functions use.
#[derive(Debug, Clone, FromRef)]
pub struct Services {
    /// The ACS client.
    pub acs: IdentityClient,
    /// Whether ACS accepts the credential and the directory can be read.
    pub readiness: Readiness,
    /// The user directory; `None` without `USER_DIRECTORY`.
    pub directory: Option<Directory>,
    /// Work that continues if its request ends early. A program waits for it before it ends.
    pub tasks: TaskTracker,
    /// The emulator that the page of [`docs`] uses.
    pub emulator: docs::EmulatorOrigin,
}

impl Services {
    /// Creates the services. No request is sent yet.
    ///
    /// # Errors
    /// If the directory's folder cannot be created, or TLS cannot be set up.
    pub fn open(acs: IdentityClient, directory: Option<&DirectorySettings>) -> Result<Self, StoreError> {
        let tasks = TaskTracker::new();
        let open = |settings| Directory::open(settings, acs.clone(), tasks.clone());
        let directory = directory.map(open).transpose()?;
        Ok(Self {
            readiness: Readiness::new(acs.clone(), directory.clone()),
            acs,
            directory,
            tasks,
            emulator: <_>::default(),
        })
    }

    /// Returns the keys of guest passes; `None` without a user directory.
    #[must_use]
    pub fn pass_keys(&self) -> Option<PassKeys> {
        self.directory.as_ref().map(Directory::pass_keys)
    }
}

impl From<IdentityClient> for Services {
    fn from(acs: IdentityClient) -> Self {
        let tasks = TaskTracker::new();
        let readiness = Readiness::new(acs.clone(), None);
        Self { acs, readiness, directory: None, tasks, emulator: <_>::default() }
    }
}

impl FromRequestParts<Services> for Directory {
    type Rejection = Problem;

    /// Returns the user directory, for a function that needs one.
    async fn from_request_parts(_: &mut Parts, services: &Services) -> Result<Self, Problem> {
        services.directory.clone().ok_or_else(|| {
            Problem::new(Kind::TurnedOff, "There is no user directory: the operator must set USER_DIRECTORY.")
        })
    }
}
