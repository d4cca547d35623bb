//! Whether ACS takes our credential: asked seldom, however often one wants to know.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::SignedDuration;
use tokio::{sync::watch, time::Instant};
use tracing::Instrument as _;

use super::{Client, Error, error::Kind, send::Operation, trace, types::IdentityId};

/// For so long an answer holds. Whoever may ask us may not make us ask ACS more often.
const HOLDS: Duration = Duration::from_secs(30);

/// What else ACS tells where it takes the credential.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Accepted {
    /// How far this machine's clock is ahead of ACS's.
    pub clock_skew: Option<SignedDuration>,
    /// The api-versions that ACS knows, as it lists them.
    pub supported_versions: Option<String>,
}

type Outcome = Option<Result<(), Arc<Error>>>;

/// The last time that ACS was asked, and what it said or will say.
#[derive(Debug, Default)]
pub(super) struct Readiness(Mutex<Option<(Instant, watch::Receiver<Outcome>)>>);

impl Client {
    /// Whether ACS takes the credential. Nothing is made or changed there, and it is asked once in 30 seconds at most;
    /// who comes in between gets the answer of whoever asked last.
    ///
    /// # Errors
    /// What [`Client::probe`] ended in.
    pub async fn ready(&self) -> Result<(), Arc<Error>> {
        let mut outcome = self.last_asked();
        let known = outcome.wait_for(Option::is_some).await;
        // The task that asks answers always, unless it panicked.
        known.ok().and_then(|outcome| outcome.clone()).unwrap_or_else(|| Err(Arc::new(Error::TimedOut)))
    }

    /// Asks ACS whether it takes the credential, by a call that changes nothing.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn probe(&self) -> Result<Accepted, Error> {
        // ACS checks the credential first, so a foreign identity is enough to learn what it makes of that.
        match self.send(Operation::RevokeTokens(&IdentityId::nobody()), Vec::new(), |_| Some(())).await {
            Ok(()) => Ok(Accepted::default()),
            Err(Error::Service(error)) if error.kind == Kind::IdentityNotOwned => {
                Ok(Accepted { clock_skew: error.clock_skew, supported_versions: error.supported_versions })
            }
            Err(error) => Err(error),
        }
    }

    fn last_asked(&self) -> watch::Receiver<Outcome> {
        let mut last = self.readiness.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some((at, outcome)) if at.elapsed() < HOLDS => outcome.clone(),
            _ => {
                let (send, receive) = watch::channel(None);
                let client = self.clone();
                let ask = async move {
                    let outcome = client.probe().await.map(drop).map_err(Arc::new);
                    send.send_replace(Some(outcome));
                };
                // A task of its own: a stranger who hangs up at once would have the next one ask again.
                tokio::spawn(trace::in_current(ask.in_current_span()));
                *last = Some((Instant::now(), receive.clone()));
                receive
            }
        }
    }
}
