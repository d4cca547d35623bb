//! How often a caller may call: a rate that the operator sets.
//!
//! Counted in the process, since nothing is shared between instances: with n of them a caller may have n times as much.

use std::{num::NonZeroU32, sync::atomic, time::Duration};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::NoOpMiddleware,
    state::keyed::HashMapStateStore,
};
use http::header::RETRY_AFTER;

use crate::auth::Caller;
use crate::problem::{Kind, Problem};

/// After so many requests, callers that have not called for a while are forgotten.
const FORGET_EVERY: u32 = 1024;

/// Requests a minute for each caller; `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    /// For each signed-in person.
    pub people: Option<NonZeroU32>,
    /// For each named key and each application.
    pub keys: Option<NonZeroU32>,
}

impl Default for Rates {
    /// 30 a minute for people, no limit for keys.
    fn default() -> Self {
        Self { people: NonZeroU32::new(30), keys: None }
    }
}

/// One rate for each of many callers, by their labels.
#[derive(Debug)]
struct Limit<C: Clock> {
    /// Requests a minute, and as many at once.
    rate: NonZeroU32,
    limiter: RateLimiter<String, HashMapStateStore<String>, C, NoOpMiddleware<C::Instant>>,
}

impl<C: Clock + Clone> Limit<C> {
    fn new(rate: NonZeroU32, clock: &C) -> Self {
        Self { rate, limiter: RateLimiter::hashmap_with_clock(Quota::per_minute(rate), clock.clone()) }
    }

    /// Counts one request.
    fn check(&self, caller: &Caller) -> Result<(), Problem> {
        self.limiter
            .check_key(&caller.label())
            .map_err(|until| self.refuse(until.wait_time_from(self.limiter.clock().now())))
    }

    fn refuse(&self, wait: Duration) -> Problem {
        // Rounded up: a request at that second is allowed.
        let wait = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        let detail = format!(
            "You have called too often: {} calls in 60 s are allowed. Nothing was done; try again in {wait} s.",
            self.rate
        );
        Problem::new(Kind::RateLimited, detail).with_header(RETRY_AFTER, wait.into())
    }
}

/// The limits, and what each caller has used of them.
#[derive(Debug)]
pub struct Limits<C: Clock = DefaultClock> {
    people: Option<Limit<C>>,
    keys: Option<Limit<C>>,
    checks: atomic::AtomicU32,
}

impl Default for Limits {
    fn default() -> Self {
        Self::new(Rates::default())
    }
}

impl Limits {
    /// Limits with these rates.
    #[must_use]
    pub fn new(rates: Rates) -> Self {
        Self::with_clock(rates, &DefaultClock::default())
    }
}

impl<C: Clock + Clone> Limits<C> {
    /// Limits that take the time from this clock.
    pub fn with_clock(rates: Rates, clock: &C) -> Self {
        let limit = |rate: Option<NonZeroU32>| rate.map(|rate| Limit::new(rate, clock));
        Self { people: limit(rates.people), keys: limit(rates.keys), checks: atomic::AtomicU32::new(0) }
    }

    /// Counts a request to a function.
    ///
    /// Authenticator that cannot be told apart (those that the Functions host let in, and [`Caller::Anyone`]) are not counted:
    /// one limit for all of them together would let one use up what belongs to the others.
    ///
    /// # Errors
    /// [`Kind::RateLimited`], with `Retry-After`.
    pub fn check(&self, caller: &Caller) -> Result<(), Problem> {
        let limit = match caller {
            Caller::Host | Caller::Anyone => &None,
            Caller::User(_) => &self.people,
            Caller::Key(_) | Caller::App(_) => &self.keys,
        };
        let Some(limit) = limit else { return Ok(()) };
        self.forget_now_and_then();
        limit.check(caller)
    }

    /// A caller is remembered while its count is not back at the start, a minute at most, and then until the next
    /// [`FORGET_EVERY`] requests are over. That bounds the memory by what authenticated callers send in a minute.
    fn forget_now_and_then(&self) {
        if self.checks.fetch_add(1, atomic::Ordering::Relaxed) % FORGET_EVERY == FORGET_EVERY - 1 {
            for limit in [&self.people, &self.keys].into_iter().flatten() {
                limit.limiter.retain_recent();
            }
        }
    }
}

#[cfg(test)]
mod tests;
