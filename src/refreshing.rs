//! A cached value that is fetched again before it expires, by one fetch at a time.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::future::BoxFuture;
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};

/// A fetched value and how long it is good for, counted from the end of the fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fresh<T> {
    /// The value.
    pub value: T,
    /// The age from which a call to [`Refreshing::get`] starts a fetch in the background.
    pub refresh_after: Duration,
    /// The age from which the value is no longer returned.
    pub max_age: Duration,
}

/// The intervals and the timeout of fetches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FetchLimits {
    /// Time between the end of a fetch and the start of the next one while a value is known.
    pub min_interval: Duration,
    /// Time between a failed fetch and the next one while no value is known. Calls in between return the failure.
    pub min_interval_without_value: Duration,
    /// Time after which a fetch is cancelled and counts as failed.
    pub timeout: Duration,
}

/// The longest time for which a source can stop fetches. A wrong `Retry-After` must not stop them for days.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60 * 60);

/// The error of a fetch.
pub trait FetchError: Clone + fmt::Display + Send + Sync + 'static {
    /// Returns the time that the source asked to wait before the next fetch (RFC 9110 section 10.2.3). By default, it
    /// asked for none.
    fn retry_after(&self) -> Option<Duration> {
        None
    }
}

/// The reason why there is no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefreshError<E> {
    /// The fetch failed.
    #[error("{0}")]
    Fetch(E),
    /// The fetch timed out or panicked.
    #[error("the fetch did not finish in time")]
    Unfinished,
}

type Fetch<T, E> = dyn Fn() -> BoxFuture<'static, Result<Fresh<T>, E>> + Send + Sync;

/// A value that is fetched when it is first needed and again before it expires. Clones share it.
///
/// While a fetch runs, calls return the known value; without one, they wait for that fetch.
pub struct Refreshing<T, E>(Arc<Inner<T, E>>);

struct Inner<T, E> {
    name: &'static str,
    limits: FetchLimits,
    fetch: Box<Fetch<T, E>>,
    state: Mutex<State<T, E>>,
}

struct State<T, E> {
    known: Option<(Fresh<T>, Instant)>,
    /// The end of the last fetch.
    completed_at: Option<Instant>,
    /// The failure of the last fetch.
    failure: Option<RefreshError<E>>,
    /// The time before which the source asked for no fetch.
    not_before: Option<Instant>,
    /// The running fetch. Its channel closes without a value if it fails.
    running: Option<watch::Receiver<Option<T>>>,
}

impl<T: Clone, E> State<T, E> {
    /// The value that may be returned.
    fn value(&self) -> Option<&T> {
        self.known.as_ref().filter(|(fresh, at)| at.elapsed() < fresh.max_age).map(|(fresh, _)| &fresh.value)
    }

    fn needs_refresh(&self) -> bool {
        self.known.as_ref().is_none_or(|(fresh, at)| at.elapsed() >= fresh.refresh_after)
    }

    fn may_fetch(&self, limits: &FetchLimits) -> bool {
        let interval = match (self.value(), &self.failure) {
            (Some(_), _) => limits.min_interval,
            (None, Some(_)) => limits.min_interval_without_value,
            (None, None) => Duration::ZERO,
        };
        self.completed_at.is_none_or(|at| at.elapsed() >= interval)
            && self.not_before.is_none_or(|at| at <= Instant::now())
    }
}

impl<T, E> Refreshing<T, E>
where
    T: Clone + Send + Sync + 'static,
    E: FetchError,
{
    /// Creates an empty cache. `name` names the value in the log. `fetch` is called within the call that needs the
    /// value, and must not block; its future runs in a task of its own.
    pub fn new<F>(name: &'static str, limits: FetchLimits, fetch: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Fresh<T>, E>> + Send + 'static,
    {
        let fetch: Box<Fetch<T, E>> = Box::new(move || Box::pin(fetch()));
        let state = State { known: None, completed_at: None, failure: None, not_before: None, running: None };
        Self(Arc::new(Inner { name, limits, fetch, state: Mutex::new(state) }))
    }

    /// Returns the value. Starts a fetch in the background if the value is due for renewal; waits for the fetch if there
    /// is no value.
    ///
    /// # Errors
    /// The failure of the last fetch, if there is no value.
    pub async fn get(&self) -> Result<T, RefreshError<E>> {
        let running = {
            let mut state = self.state();
            let running = if state.needs_refresh() { self.running_or_spawned(&mut state) } else { None };
            if let Some(value) = state.value() {
                return Ok(value.clone());
            }
            running
        };
        self.wait(running).await
    }

    /// Fetches the value if the minimum interval allows it, and returns the newest value.
    ///
    /// # Errors
    /// The failure of the last fetch, if there is no value.
    pub async fn refresh(&self) -> Result<T, RefreshError<E>> {
        let running = self.running_or_spawned(&mut self.state());
        self.wait(running).await
    }

    /// Drops the known value if it and its age match, and returns whether it did.
    pub fn evict_if(&self, matches: impl FnOnce(&T, Duration) -> bool) -> bool {
        self.state().known.take_if(|(fresh, at)| matches(&fresh.value, at.elapsed())).is_some()
    }

    /// Returns the rest of the time that the source asked to wait, if it is not over.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.state().not_before?.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
    }

    async fn wait(&self, running: Option<watch::Receiver<Option<T>>>) -> Result<T, RefreshError<E>> {
        if let Some(mut running) = running
            && let Ok(value) = running.wait_for(Option::is_some).await
            && let Some(value) = &*value
        {
            return Ok(value.clone());
        }
        let state = self.state();
        match state.value() {
            Some(value) => Ok(value.clone()),
            None => Err(state.failure.clone().unwrap_or(RefreshError::Unfinished)),
        }
    }

    /// The running fetch, or a new one if the minimum interval allows it.
    fn running_or_spawned(&self, state: &mut State<T, E>) -> Option<watch::Receiver<Option<T>>> {
        // The channel of a fetch that panicked, or whose runtime has ended, is closed.
        state.running.take_if(|running| running.has_changed().is_err());
        if state.running.is_none() && state.may_fetch(&self.0.limits) {
            state.running = Some(self.spawn_refresh());
        }
        state.running.clone()
    }

    /// Fetches in a task of its own: the call that started the fetch may be cancelled.
    fn spawn_refresh(&self) -> watch::Receiver<Option<T>> {
        let (sender, receiver) = watch::channel(None);
        let this = Self(Arc::clone(&self.0));
        let fetch = timeout(self.0.limits.timeout, (self.0.fetch)());
        tokio::spawn(async move {
            let fetched = match fetch.await {
                Ok(fetched) => fetched.map_err(RefreshError::Fetch),
                Err(_) => Err(RefreshError::Unfinished),
            };
            if let Some(value) = this.complete(fetched) {
                sender.send_replace(Some(value));
            }
        });
        receiver
    }

    fn complete(&self, fetched: Result<Fresh<T>, RefreshError<E>>) -> Option<T> {
        // For metrics.
        let outcome = if fetched.is_ok() { "ok" } else { "failed" };
        tracing::debug!(name: "refresh", cached = self.0.name, outcome);
        let mut state = self.state();
        state.running = None;
        state.completed_at = Some(Instant::now());
        match fetched {
            Ok(fresh) => {
                let value = fresh.value.clone();
                state.failure = None;
                state.not_before = None;
                state.known = Some((fresh, Instant::now()));
                Some(value)
            }
            Err(failure) => {
                let left = state.known.as_ref().and_then(|(fresh, at)| fresh.max_age.checked_sub(at.elapsed()));
                if let Some(left) = left {
                    let left_s = left.as_secs();
                    tracing::warn!(cause = %failure, left_s, "cannot renew the {}; the current one is kept", self.0.name);
                }
                let retry_after = match &failure {
                    RefreshError::Fetch(error) => error.retry_after(),
                    RefreshError::Unfinished => None,
                };
                state.not_before = retry_after.map(|wait| Instant::now() + wait.min(MAX_RETRY_AFTER));
                state.failure = Some(failure);
                None
            }
        }
    }

    /// Locks the state. The guard is never held across an await.
    fn state(&self) -> MutexGuard<'_, State<T, E>> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T, E> Clone for Refreshing<T, E> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T, E> fmt::Debug for Refreshing<T, E> {
    /// Leaves out the value, which may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Refreshing").field(&self.0.name).finish()
    }
}
