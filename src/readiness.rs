//! Whether ACS accepts the credential, cached for 30 seconds.

use std::{sync::Arc, time::Duration};

use acs_identity::{Error, IdentityClient};

use crate::{
    refreshing::{FetchError, FetchLimits, Fresh, RefreshError, Refreshing},
    request_log,
};

/// Anyone may ask for the readiness. Successes and failures are cached, so that this causes at most two ACS calls per
/// minute.
const MAX_AGE: Duration = Duration::from_secs(30);

const LIMITS: FetchLimits =
    FetchLimits { min_interval: MAX_AGE, min_interval_without_value: MAX_AGE, timeout: Duration::from_secs(30) };

/// The readiness of the ACS client. Clones share the cached result.
#[derive(Debug, Clone)]
pub struct Readiness(Refreshing<(), Arc<Error>>);

impl FetchError for Arc<Error> {}

impl Readiness {
    /// Creates the readiness check of a client. Nothing is sent yet.
    #[must_use]
    pub fn new(client: IdentityClient) -> Self {
        Self(Refreshing::new("readiness", LIMITS, move || {
            let client = client.clone();
            let verify = async move {
                client.verify_credential().await?;
                Ok(Fresh { value: (), refresh_after: MAX_AGE, max_age: MAX_AGE })
            };
            request_log::in_current(verify)
        }))
    }

    /// Returns whether ACS accepts the credential.
    ///
    /// # Errors
    /// The error of [`IdentityClient::verify_credential`].
    pub async fn check(&self) -> Result<(), Arc<Error>> {
        self.0.get().await.map_err(|error| match error {
            RefreshError::Fetch(error) => error,
            RefreshError::Unfinished => Arc::new(Error::TimedOut),
        })
    }
}
