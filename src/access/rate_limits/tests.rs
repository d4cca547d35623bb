//! Limits by a clock that stands still until it is told to go on.

use std::{sync::Arc, time::Duration};

use governor::clock::FakeRelativeClock;

use super::*;
use crate::auth::caller::{Subject, User};

fn person(name: &str) -> Caller {
    Caller::User(User { subject: Subject::oidc("test", name), roles: Vec::new(), account: None })
}

fn limits(people: u32, keys: u32) -> (Limits<FakeRelativeClock>, FakeRelativeClock) {
    let clock = FakeRelativeClock::default();
    let rates = Rates { people: NonZeroU32::new(people), keys: NonZeroU32::new(keys) };
    (Limits::with_clock(rates, &clock), clock)
}

/// How many requests go through at once, up to a thousand.
fn go_through(limits: &Limits<FakeRelativeClock>, caller: &Caller, function: &'static str) -> usize {
    (0..1000).take_while(|_| limits.check(caller, function).is_ok()).count()
}

#[test]
fn people_have_a_rate_each_and_get_it_back() {
    let (limits, clock) = limits(30, 0);
    let (one, other) = (person("one"), person("other"));
    let headers = limits.check(&one, "issue-token").unwrap();
    assert_eq!(headers["ratelimit"], "\"people\";r=29");
    assert_eq!(headers["ratelimit-policy"], "\"people\";q=30;w=60");
    // Whichever function they call.
    assert_eq!(go_through(&limits, &one, "delete-identity"), 29);
    assert_eq!(go_through(&limits, &other, "issue-token"), 30);
    clock.advance(Duration::from_millis(1999));
    assert_eq!(go_through(&limits, &one, "issue-token"), 0);
    clock.advance(Duration::from_millis(1));
    assert_eq!(go_through(&limits, &one, "issue-token"), 1);
    clock.advance(Duration::from_secs(60));
    assert_eq!(go_through(&limits, &one, "issue-token"), 30);
}

#[test]
fn a_refusal_says_when_to_come_back() {
    let (limits, clock) = limits(4, 0);
    let caller = person("one");
    assert_eq!(go_through(&limits, &caller, "issue-token"), 4);
    clock.advance(Duration::from_millis(500));
    let problem = limits.check(&caller, "issue-token").unwrap_err();
    assert_eq!(problem.kind, Kind::RateLimited);
    let headers: Vec<(&str, &str)> =
        problem.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    assert_eq!(
        headers,
        [("retry-after", "15"), ("ratelimit-policy", "\"people\";q=4;w=60"), ("ratelimit", "\"people\";r=0;t=15")]
    );
    clock.advance(Duration::from_secs(15));
    assert!(limits.check(&caller, "issue-token").is_ok());
}

#[test]
fn no_caller_uses_up_the_quotas_of_acs() {
    let (limits, clock) = limits(0, 0);
    let key = Caller::Key(Arc::from("web"));
    for (function, quota) in [("issue-token", 1000), ("create-identity", 1000), ("delete-identity", 500)] {
        // The worst 30 s: a burst, and then whatever comes back.
        let mut count = go_through(&limits, &key, function);
        for _ in 0..300 {
            clock.advance(Duration::from_millis(100));
            count += go_through(&limits, &key, function);
        }
        assert_eq!(count, quota / 5 * 4, "{function}");
    }
    assert_eq!(go_through(&limits, &Caller::Key(Arc::from("bot")), "delete-identity"), 100);
}

#[test]
fn those_that_cannot_be_told_apart_are_not_counted() {
    let (limits, _) = limits(1, 1);
    for caller in [Caller::Host, Caller::Anyone] {
        assert_eq!(go_through(&limits, &caller, "delete-identity"), 1000);
        assert!(limits.check(&caller, "issue-token").unwrap().is_empty());
    }
}

#[test]
fn callers_of_long_ago_are_forgotten() {
    let (limits, clock) = limits(30, 30);
    for i in 0..5 * FORGET_EVERY {
        clock.advance(Duration::from_millis(100));
        limits.check(&person(&i.to_string()), "issue-token").unwrap();
    }
    let people = limits.people.as_ref().unwrap().limiter.len();
    assert!(people <= FORGET_EVERY as usize + 20, "{people} are remembered");
    assert!(limits.wide.limiter.len() <= FORGET_EVERY as usize + 20);
}
