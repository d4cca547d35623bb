//! Whether ACS accepts the credential, with the answer cached for a while.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use acs_identity::{Error, IdentityClient};
use tokio::{sync::watch, time::Instant};
use tracing::Instrument as _;

use crate::trace_context;

/// The time an answer is cached: unauthenticated requests cause at most two ACS calls a minute.
const MAX_AGE: Duration = Duration::from_secs(30);

type Outcome = Option<Result<(), Arc<Error>>>;

/// The start of the last call, and its outcome.
type LastCall = Option<(Instant, watch::Receiver<Outcome>)>;

/// The readiness of the ACS client. Clones share the cached answer.
#[derive(Debug, Clone)]
pub struct Readiness {
    client: IdentityClient,
    last: Arc<Mutex<LastCall>>,
}

impl Readiness {
    /// Creates the readiness check of a client. Nothing is sent yet.
    #[must_use]
    pub fn new(client: IdentityClient) -> Self {
        Self { client, last: Arc::default() }
    }

    /// Returns whether ACS accepted the credential within the last 30 seconds; asks it otherwise.
    ///
    /// # Errors
    /// The error of [`IdentityClient::verify_credential`].
    pub async fn check(&self) -> Result<(), Arc<Error>> {
        let mut outcome = self.last_outcome();
        let known = outcome.wait_for(Option::is_some).await;
        // The sender is dropped without an answer only if the task panicked.
        known.ok().and_then(|outcome| outcome.clone()).unwrap_or_else(|| Err(Arc::new(Error::TimedOut)))
    }

    fn last_outcome(&self) -> watch::Receiver<Outcome> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some((at, outcome)) if at.elapsed() < MAX_AGE => outcome.clone(),
            _ => {
                let (send, receive) = watch::channel(None);
                let client = self.client.clone();
                let verify = async move {
                    let outcome = client.verify_credential().await.map(drop).map_err(Arc::new);
                    send.send_replace(Some(outcome));
                };
                // A task of its own: a caller that disconnects must not cancel the call for the others.
                tokio::spawn(trace_context::in_current(verify.in_current_span()));
                *last = Some((Instant::now(), receive.clone()));
                receive
            }
        }
    }
}
