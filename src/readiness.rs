//! Whether ACS accepts the credential and the user directory can be read, cached for 30 seconds.

use std::{sync::Arc, time::Duration};

use acs_identity::{Error, IdentityClient};

use crate::{
    directory::{Directory, StoreError},
    refreshing::{FetchError, FetchLimits, Fresh, RefreshError, Refreshing},
    request_log,
};

/// Anyone may ask for the readiness. Successes and failures are cached, so that this causes at most two ACS calls and
/// two reads per minute.
const MAX_AGE: Duration = Duration::from_secs(30);

const LIMITS: FetchLimits =
    FetchLimits { min_interval: MAX_AGE, min_interval_without_value: MAX_AGE, timeout: Duration::from_secs(30) };

/// The reason why the service is not ready.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NotReady {
    /// ACS does not accept the credential, or does not answer.
    #[error(transparent)]
    Acs(Arc<Error>),
    /// The user directory cannot be read.
    #[error("the user directory cannot be read")]
    Directory(#[source] Arc<StoreError>),
}

/// The readiness of the service. Clones share the cached result.
#[derive(Debug, Clone)]
pub struct Readiness(Refreshing<(), NotReady>);

impl FetchError for NotReady {}

impl Readiness {
    /// Creates the readiness check of a client and a directory. Nothing is sent yet.
    #[must_use]
    pub fn new(client: IdentityClient, directory: Option<Directory>) -> Self {
        Self(Refreshing::new("readiness", LIMITS, move || {
            let (client, directory) = (client.clone(), directory.clone());
            let verify = async move {
                let acs = async { client.verify_credential().await.map_err(|error| NotReady::Acs(Arc::new(error))) };
                let directory = async {
                    let Some(directory) = directory else { return Ok(()) };
                    directory.try_read().await.map_err(|error| NotReady::Directory(Arc::new(error)))
                };
                tokio::try_join!(acs, directory)?;
                Ok(Fresh { value: (), refresh_after: MAX_AGE, max_age: MAX_AGE })
            };
            request_log::in_current(verify)
        }))
    }

    /// Returns whether ACS accepts the credential and the directory can be read.
    ///
    /// # Errors
    /// The error of [`IdentityClient::verify_credential`] or [`Directory::try_read`].
    pub async fn check(&self) -> Result<(), NotReady> {
        self.0.get().await.map_err(|error| match error {
            RefreshError::Fetch(error) => error,
            RefreshError::Unfinished => NotReady::Acs(Arc::new(Error::TimedOut)),
        })
    }
}
