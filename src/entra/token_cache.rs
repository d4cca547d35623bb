//! One token, kept while it is good and renewed early: off the request path, by one fetch at a time.

use std::{
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use azure_core::credentials::Secret;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use super::Failure;

/// A token with less time left than this could be over when it arrives.
const MARGIN: SignedDuration = SignedDuration::from_secs(30);

/// The least time between two renewals, and between a denied token's birth and its replacement.
const PAUSE: SignedDuration = SignedDuration::from_secs(30);

/// The time a fetch may take: `az` needs some seconds on a cold machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a fetch brings.
#[derive(Debug, Clone)]
pub(super) struct Fetched {
    pub(super) secret: Secret,
    pub(super) expires_on: Timestamp,
}

/// A token to authorise a try with.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) secret: Secret,
    pub(super) expires_on: Timestamp,
    fetched_at: Timestamp,
}

type Outcome = Option<Result<Token, Failure>>;

#[derive(Debug)]
pub(super) struct TokenCache {
    clock: fn() -> Timestamp,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    token: Option<Token>,
    renew_at: Timestamp,
    flight: Option<watch::Receiver<Outcome>>,
}

impl State {
    /// The fetch under way. One whose task died, in a panic or with its runtime, is none.
    fn flight(&self) -> Option<watch::Receiver<Outcome>> {
        self.flight.clone().filter(|flight| flight.has_changed().is_ok())
    }
}

impl TokenCache {
    pub(super) fn new(clock: fn() -> Timestamp) -> Arc<Self> {
        Arc::new(Self { clock, state: Mutex::default() })
    }

    /// The token at hand, whose renewal is begun if it is due; without one, what the next fetch to end brings.
    pub(super) async fn token<F>(self: &Arc<Self>, fetch: impl FnOnce() -> F) -> Result<Token, Failure>
    where
        F: Future<Output = Result<Fetched, Failure>> + Send + 'static,
    {
        let mut flight = {
            let mut state = self.state();
            let now = (self.clock)();
            let good = state.token.clone().filter(|token| now + MARGIN < token.expires_on);
            if let Some(token) = good {
                if now >= state.renew_at && state.flight().is_none() {
                    state.flight = Some(self.fly(fetch()));
                }
                return Ok(token);
            }
            let flight = state.flight().unwrap_or_else(|| self.fly(fetch()));
            state.flight.insert(flight).clone()
        };
        let landed = flight.wait_for(Option::is_some).await.map_err(|_| Failure::TIMED_OUT)?;
        landed.clone().unwrap_or(Err(Failure::TIMED_OUT))
    }

    /// Fetches in a task of its own, so that the caller who happened to be first may go away.
    fn fly<F>(self: &Arc<Self>, fetch: F) -> watch::Receiver<Outcome>
    where
        F: Future<Output = Result<Fetched, Failure>> + Send + 'static,
    {
        let (sender, receiver) = watch::channel(None);
        let cache = Arc::clone(self);
        tokio::spawn(async move {
            let fetched = tokio::time::timeout(PATIENCE, fetch).await.unwrap_or(Err(Failure::TIMED_OUT));
            sender.send_replace(Some(cache.land(fetched)));
        });
        receiver
    }

    fn land(&self, fetched: Result<Fetched, Failure>) -> Result<Token, Failure> {
        let now = (self.clock)();
        // For metrics.
        tracing::debug!(name: "token_refresh", outcome = if fetched.is_ok() { "ok" } else { "failed" });
        let mut state = self.state();
        state.flight = None;
        match fetched {
            Ok(Fetched { secret, expires_on }) => {
                let left = expires_on.duration_since(now);
                state.renew_at = now + (left / 2).max(PAUSE);
                let token = Token { secret, expires_on, fetched_at: now };
                state.token = Some(token.clone());
                tracing::info!(valid_s = left.as_secs(), "Entra gave a token");
                Ok(token)
            }
            Err(failure) => {
                state.renew_at = now + PAUSE;
                if let Some(token) = &state.token {
                    let left_s = token.expires_on.duration_since(now).as_secs();
                    tracing::warn!(cause = %failure, left_s, "cannot renew the Entra token; the one at hand is kept");
                }
                Err(failure)
            }
        }
    }

    /// Drops a token that was denied, unless it was fetched less than 30 s ago: another one would be no better, and each
    /// call of a workload without a role would ask Entra for one. Returns whether the token was dropped.
    pub(super) fn evict(&self, denied: &Secret) -> bool {
        let now = (self.clock)();
        let evicted = |token: &mut Token| token.secret == *denied && now.duration_since(token.fetched_at) >= PAUSE;
        self.state().token.take_if(evicted).is_some()
    }

    /// The state, locked; never across an await.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
