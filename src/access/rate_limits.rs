//! How often a caller may call: a rate of the operator's choice, and a guard that keeps ACS's quotas from being used up.
//!
//! Counted in the process, since nothing is shared between instances: with n of them a caller may have n times as much.

use std::{num::NonZeroU32, sync::atomic, time::Duration};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::{StateInformationMiddleware, StateSnapshot},
    state::keyed::HashMapStateStore,
};
use http::{HeaderMap, HeaderName, HeaderValue, header::RETRY_AFTER};

use crate::auth::Caller;
use crate::problem::{Kind, Problem};

/// The limit and what is left of it: draft-ietf-httpapi-ratelimit-headers, section 4.
pub const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
/// The limits that hold: the same draft, section 3.
pub const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

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

/// A caller's label, and the function where each is counted by itself.
type Key = (String, &'static str);

/// A limit for each of many callers.
#[derive(Debug)]
struct Limit<C: Clock> {
    /// Its name on the wire.
    name: &'static str,
    /// How many requests in a window of how many seconds.
    quota: (u32, u64),
    limiter: RateLimiter<Key, HashMapStateStore<Key>, C, StateInformationMiddleware>,
}

impl<C: Clock + Clone> Limit<C> {
    /// `burst` at once, and `count` in `seconds` over time.
    fn new(name: &'static str, burst: NonZeroU32, (count, seconds): (u32, u64), clock: &C) -> Self {
        // A count is never 0; the limit of one a second stands in for what cannot be.
        let each = Duration::from_secs(seconds) / count.max(1);
        let quota = Quota::with_period(each).unwrap_or(Quota::per_second(NonZeroU32::MIN)).allow_burst(burst);
        let limiter = RateLimiter::hashmap_with_clock(quota, clock.clone()).with_middleware();
        Self { name, quota: (count, seconds), limiter }
    }

    /// Counts one request: what is left, or how long to wait.
    fn check(&self, caller: &Key) -> Result<StateSnapshot, Duration> {
        self.limiter.check_key(caller).map_err(|until| until.wait_time_from(self.limiter.clock().now()))
    }

    fn headers(&self, left: u32, wait: Option<u64>) -> [(HeaderName, HeaderValue); 2] {
        let Self { name, quota: (count, seconds), .. } = self;
        let wait = wait.map(|wait| format!(";t={wait}")).unwrap_or_default();
        // Digits and our own names: always header values.
        let value = |text: String| HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""));
        [
            (RATE_LIMIT_POLICY, value(format!("\"{name}\";q={count};w={seconds}"))),
            (RATE_LIMIT, value(format!("\"{name}\";r={left}{wait}"))),
        ]
    }

    fn refuse(&self, wait: Duration) -> Problem {
        // Rounded up: who comes back at that second is let in.
        let wait = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        let (count, seconds) = self.quota;
        let detail = format!(
            "You have called too often: {count} calls in {seconds} s are allowed. Nothing was done; try again in {wait} s."
        );
        let problem = Problem::new(Kind::RateLimited, detail).with_header(RETRY_AFTER, wait.into());
        self.headers(0, Some(wait)).into_iter().fold(problem, |problem, (name, value)| problem.with_header(name, value))
    }
}

/// The limits, and what each caller has used of them.
#[derive(Debug)]
pub struct Limits<C: Clock = DefaultClock> {
    people: Option<Limit<C>>,
    keys: Option<Limit<C>>,
    /// By caller and function, as ACS counts by operation.
    wide: Limit<C>,
    narrow: Limit<C>,
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
        let a_minute = |name, rate: NonZeroU32| Limit::new(name, rate, (rate.get(), 60), clock);
        // ACS counts 1000 in 30 s, or 500, for each operation and for the whole resource. At most a burst and 30 s of
        // the sustained rate fall into any 30 s: 200 + 600 and 100 + 300, four fifths. That leaves the others a fifth,
        // and costs a back end that is alone no more than that.
        // <https://learn.microsoft.com/azure/communication-services/concepts/service-limits#identity>
        let burst = |count| NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
        Self {
            people: rates.people.map(|rate| a_minute("people", rate)),
            keys: rates.keys.map(|rate| a_minute("keys", rate)),
            wide: Limit::new("acs", burst(200), (600, 30), clock),
            narrow: Limit::new("acs", burst(100), (300, 30), clock),
            checks: atomic::AtomicU32::new(0),
        }
    }

    /// Counts a request to a function. Gives the headers that tell a limited caller what is left.
    ///
    /// Authenticator that cannot be told apart (those that the Functions host let in, and [`Caller::Anyone`]) are not counted:
    /// one limit for all of them together would let one use up what belongs to the others.
    ///
    /// # Errors
    /// [`Kind::RateLimited`], with `Retry-After`.
    pub fn check(&self, caller: &Caller, function: &'static str) -> Result<HeaderMap, Problem> {
        let rate = match caller {
            Caller::Host | Caller::Anyone => return Ok(HeaderMap::new()),
            Caller::User(_) => &self.people,
            Caller::Key(_) | Caller::App(_) => &self.keys,
        };
        self.forget_now_and_then();
        let every_function = (caller.label(), "");
        let mut headers = HeaderMap::new();
        if let Some(limit) = rate {
            let left = limit.check(&every_function).map_err(|wait| limit.refuse(wait))?;
            headers.extend(limit.headers(left.remaining_burst_capacity(), None));
        }
        let guard = match function {
            "create-identity" | "issue-token" | "my-token" => &self.wide,
            _ => &self.narrow,
        };
        guard.check(&(every_function.0, function)).map_err(|wait| guard.refuse(wait))?;
        Ok(headers)
    }

    /// A caller is remembered while its count is not back at the start, a minute at most, and then until the next
    /// [`FORGET_EVERY`] requests are over. That bounds the memory by what authenticated callers send in a minute.
    fn forget_now_and_then(&self) {
        if self.checks.fetch_add(1, atomic::Ordering::Relaxed) % FORGET_EVERY == FORGET_EVERY - 1 {
            let rates = [&self.people, &self.keys].into_iter().flatten();
            for limit in rates.chain([&self.wide, &self.narrow]) {
                limit.limiter.retain_recent();
            }
        }
    }
}

#[cfg(test)]
mod tests;
