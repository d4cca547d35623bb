//! Limits by a clock that stands still until it is told to go on.

use std::time::Duration;

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
fn go_through(limits: &Limits<FakeRelativeClock>, caller: &Caller) -> usize {
    (0..1000).take_while(|_| limits.check(caller).is_ok()).count()
}

#[test]
fn people_have_a_rate_each_and_get_it_back() {
    let (limits, clock) = limits(30, 0);
    let (one, other) = (person("one"), person("other"));
    assert_eq!(go_through(&limits, &one), 30);
    assert_eq!(go_through(&limits, &other), 30);
    clock.advance(Duration::from_millis(1999));
    assert_eq!(go_through(&limits, &one), 0);
    clock.advance(Duration::from_millis(1));
    assert_eq!(go_through(&limits, &one), 1);
    clock.advance(Duration::from_secs(60));
    assert_eq!(go_through(&limits, &one), 30);
}

#[test]
fn a_refusal_says_when_to_come_back() {
    let (limits, clock) = limits(4, 0);
    let caller = person("one");
    assert_eq!(go_through(&limits, &caller), 4);
    clock.advance(Duration::from_millis(500));
    let problem = limits.check(&caller).unwrap_err();
    assert_eq!(problem.kind, Kind::RateLimited);
    let headers: Vec<(&str, &str)> =
        problem.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    assert_eq!(headers, [("retry-after", "15")]);
    clock.advance(Duration::from_secs(15));
    assert!(limits.check(&caller).is_ok());
}

#[test]
fn those_that_cannot_be_told_apart_are_not_counted() {
    let (limits, _) = limits(1, 1);
    for caller in [Caller::Host, Caller::Anyone] {
        assert_eq!(go_through(&limits, &caller), 1000);
    }
}

#[test]
fn callers_of_long_ago_are_forgotten() {
    let (limits, clock) = limits(30, 30);
    for i in 0..5 * FORGET_EVERY {
        clock.advance(Duration::from_millis(100));
        limits.check(&person(&i.to_string())).unwrap();
    }
    let people = limits.people.as_ref().unwrap().limiter.len();
    assert!(people <= FORGET_EVERY as usize + 20, "{people} are remembered");
}
