//! Rate limits: requests per minute and caller.
//!
//! Requests are counted in the process. With n instances, a caller may send n times as many.

use std::{num::NonZeroU32, sync::atomic};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::NoOpMiddleware,
    state::keyed::HashMapStateStore,
};
use http::header::RETRY_AFTER;

use crate::{
    auth::Caller,
    problem::{Kind, Problem},
};

/// The number of requests after which counters of idle callers are dropped.
const CLEAN_UP_EVERY: u32 = 1024;

/// Requests per minute for each caller; `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    /// For each signed-in user.
    pub users: Option<NonZeroU32>,
    /// For each named key and each application.
    pub keys: Option<NonZeroU32>,
    /// For each guest pass.
    pub passes: Option<NonZeroU32>,
    /// For all guests together.
    pub guests: Option<NonZeroU32>,
}

impl Default for Rates {
    /// Returns 30 per minute for users, no limit for keys, 120 for each pass and 600 for all guests.
    fn default() -> Self {
        Self { users: NonZeroU32::new(30), keys: None, passes: NonZeroU32::new(120), guests: NonZeroU32::new(600) }
    }
}

/// A rate, and counters by the labels of callers.
type Limit<C> = (NonZeroU32, RateLimiter<String, HashMapStateStore<String>, C, NoOpMiddleware<<C as Clock>::Instant>>);

/// The label of all guests together.
const GUESTS: &str = "guests";

/// The rate limits and what each caller has used of them.
#[derive(Debug)]
pub struct RateLimits<C: Clock = DefaultClock> {
    users: Option<Limit<C>>,
    keys: Option<Limit<C>>,
    passes: Option<Limit<C>>,
    guests: Option<Limit<C>>,
    clock: C,
    checks: atomic::AtomicU32,
}

impl Default for RateLimits {
    fn default() -> Self {
        Self::new(Rates::default())
    }
}

impl RateLimits {
    /// Creates limits with these rates.
    #[must_use]
    pub fn new(rates: Rates) -> Self {
        Self::with_clock(rates, DefaultClock::default())
    }
}

impl<C: Clock + Clone> RateLimits<C> {
    fn with_clock(rates: Rates, clock: C) -> Self {
        let limiter = |rate| (rate, RateLimiter::hashmap_with_clock(Quota::per_minute(rate), clock.clone()));
        let Rates { users, keys, passes, guests } = rates;
        let [users, keys, passes, guests] = [users, keys, passes, guests].map(|rate| rate.map(limiter));
        Self { users, keys, passes, guests, clock, checks: atomic::AtomicU32::new(0) }
    }

    /// Counts a request.
    ///
    /// Callers that cannot be told apart are not counted: one of them could use up the limit of the others.
    ///
    /// # Errors
    /// [`Kind::RateLimited`] with `Retry-After` if the caller has reached its limit.
    pub fn check(&self, caller: &Caller) -> Result<(), Problem> {
        match caller {
            Caller::FunctionsHost | Caller::Anyone => Ok(()),
            Caller::User(_) => self.count(self.users.as_ref(), || caller.label()),
            Caller::Key(_) | Caller::App(_) => self.count(self.keys.as_ref(), || caller.label()),
            // A pass that has reached its limit takes nothing from the other passes.
            Caller::Guest(_) => {
                self.count(self.passes.as_ref(), || caller.label())?;
                self.count(self.guests.as_ref(), || GUESTS.to_owned())
            }
        }
    }

    fn count(&self, limit: Option<&Limit<C>>, label: impl FnOnce() -> String) -> Result<(), Problem> {
        let Some((rate, limiter)) = limit else { return Ok(()) };
        self.clean_up();
        limiter.check_key(&label()).map_err(|denied| {
            let wait = denied.wait_time_from(self.clock.now());
            // Rounded up: a request after that many seconds is accepted.
            let wait = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            let detail = format!(
                "The limit of {rate} requests per minute is reached. The request was not processed; try again in {wait} s."
            );
            Problem::new(Kind::RateLimited, detail).with_header(RETRY_AFTER, wait.into())
        })
    }

    /// Drops the counters of idle callers now and then, so that memory is bounded by the callers of a minute and of
    /// [`CLEAN_UP_EVERY`] requests.
    fn clean_up(&self) {
        if self.checks.fetch_add(1, atomic::Ordering::Relaxed) % CLEAN_UP_EVERY == CLEAN_UP_EVERY - 1 {
            for (_, limiter) in [&self.users, &self.keys, &self.passes].into_iter().flatten() {
                limiter.retain_recent();
            }
        }
    }
}

#[cfg(test)]
mod tests;
