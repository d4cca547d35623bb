//! Tests under a clock that is advanced by hand.

use std::time::Duration;

use acs_identity::{Scope, TokenLifetime};
use governor::clock::FakeRelativeClock;
use jiff::Timestamp;

use super::*;
use crate::{
    auth::{Subject, User},
    guest_pass::{PassClaims, PassKeys},
};

fn user(name: &str) -> Caller {
    Caller::User(User { subject: Subject::oidc("test", name), roles: Vec::new(), account: None })
}

fn pass() -> Caller {
    let claims = PassClaims {
        scopes: vec![Scope::VoipJoin],
        lifetime: TokenLifetime::MIN,
        uses: 1,
        expires: Timestamp::UNIX_EPOCH,
    };
    Caller::Guest(PassKeys::new([[1; 32]]).issue(claims).unwrap())
}

fn limits(users: u32, keys: u32) -> (RateLimits<FakeRelativeClock>, FakeRelativeClock) {
    let clock = FakeRelativeClock::default();
    let [users, keys] = [users, keys].map(NonZeroU32::new);
    let rates = Rates { users, keys, passes: users, guests: keys };
    (RateLimits::with_clock(rates, clock.clone()), clock)
}

/// The number of requests that are accepted at once, up to a thousand.
fn accepted(limits: &RateLimits<FakeRelativeClock>, caller: &Caller) -> usize {
    (0..1000).take_while(|_| limits.check(caller).is_ok()).count()
}

#[test]
fn each_user_has_a_limit_that_recovers() {
    let (limits, clock) = limits(30, 0);
    let (one, other) = (user("one"), user("other"));
    assert_eq!((accepted(&limits, &one), accepted(&limits, &other)), (30, 30));
    for (milliseconds, expected) in [(1999, 0), (1, 1), (60_000, 30)] {
        clock.advance(Duration::from_millis(milliseconds));
        assert_eq!(accepted(&limits, &one), expected, "{milliseconds}");
    }
}

#[test]
fn retry_after_is_the_second_from_which_a_request_is_accepted() {
    let (limits, clock) = limits(4, 0);
    let caller = user("one");
    assert_eq!(accepted(&limits, &caller), 4);
    clock.advance(Duration::from_millis(500));
    let problem = limits.check(&caller).unwrap_err();
    assert_eq!(problem.kind, Kind::RateLimited);
    assert!(problem.headers == [(RETRY_AFTER, 15.into())], "{:?}", problem.headers);
    clock.advance(Duration::from_secs(15));
    assert!(limits.check(&caller).is_ok());
}

#[test]
fn callers_that_cannot_be_told_apart_are_not_counted() {
    let (limits, _) = limits(1, 1);
    for caller in [Caller::FunctionsHost, Caller::Anyone] {
        assert_eq!(accepted(&limits, &caller), 1000);
    }
}

#[test]
fn each_pass_has_a_limit_and_all_guests_together_have_another() {
    let (limits, clock) = limits(4, 10);
    let passes = [(); 4].map(|()| pass());
    assert_eq!(passes.each_ref().map(|pass| accepted(&limits, pass)), [4, 4, 2, 0]);
    clock.advance(Duration::from_secs(60));
    assert_eq!(passes.each_ref().map(|pass| accepted(&limits, pass)), [4, 4, 2, 0]);
    assert_eq!(accepted(&limits, &user("one")), 4, "users have a limit of their own");
}

#[test]
fn counters_of_idle_callers_are_dropped() {
    let (limits, clock) = limits(30, 30);
    for i in 0..5 * CLEAN_UP_EVERY {
        clock.advance(Duration::from_millis(100));
        limits.check(&user(&i.to_string())).unwrap();
    }
    let (_, limiter) = limits.users.as_ref().unwrap();
    assert!(limiter.len() <= CLEAN_UP_EVERY as usize + 20, "{}", limiter.len());
}
