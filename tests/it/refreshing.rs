//! The cache that is renewed before its value expires, under tokio's paused clock.

use std::{
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use acs_tokens::refreshing::{FetchError, FetchLimits, Fresh, RefreshError, Refreshing};

use tokio::{
    task::{JoinSet, yield_now},
    time::{Instant, advance, sleep},
};

const LIMITS: FetchLimits = FetchLimits {
    min_interval: Duration::from_secs(30),
    min_interval_without_value: Duration::from_secs(5),
    timeout: Duration::from_secs(20),
};

#[derive(Clone, Copy)]
enum Behaviour {
    Succeed,
    Fail,
    /// The source asks to wait for this number of seconds.
    Throttle(u64),
    Panic,
    Hang,
}

/// The failure of a fetch. The source may have asked to wait for a number of seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Failure(Option<u64>);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unavailable")
    }
}

impl FetchError for Failure {
    fn retry_after(&self) -> Option<Duration> {
        self.0.map(Duration::from_secs)
    }
}

/// A source that needs a second for each fetch. Its values are 1, 2, 3; each is renewed after 100 s and good for 200 s.
struct Source {
    fetches: AtomicU32,
    behaviour: Mutex<Behaviour>,
}

impl Source {
    async fn fetch(self: Arc<Self>) -> Result<Fresh<u32>, Failure> {
        let value = self.fetches.fetch_add(1, Ordering::Relaxed) + 1;
        sleep(Duration::from_secs(1)).await;
        let behaviour = *self.behaviour.lock().unwrap();
        match behaviour {
            Behaviour::Succeed => {
                Ok(Fresh { value, refresh_after: Duration::from_secs(100), max_age: Duration::from_secs(200) })
            }
            Behaviour::Fail => Err(Failure(None)),
            Behaviour::Throttle(seconds) => Err(Failure(Some(seconds))),
            Behaviour::Panic => panic!("a panic of the test"),
            Behaviour::Hang => std::future::pending().await,
        }
    }
}

#[derive(Clone)]
struct Fixture {
    source: Arc<Source>,
    value: Refreshing<u32, Failure>,
}

type Outcome = Result<u32, RefreshError<Failure>>;

const FAILED: Outcome = Err(RefreshError::Fetch(Failure(None)));

impl Fixture {
    fn new() -> Self {
        let source = Arc::new(Source { fetches: AtomicU32::new(0), behaviour: Mutex::new(Behaviour::Succeed) });
        let value = Refreshing::new("test value", LIMITS, {
            let source = Arc::clone(&source);
            move || Arc::clone(&source).fetch()
        });
        Self { source, value }
    }

    fn set(&self, behaviour: Behaviour) {
        *self.source.behaviour.lock().unwrap() = behaviour;
    }

    fn fetches(&self) -> u32 {
        self.source.fetches.load(Ordering::Relaxed)
    }

    /// Asserts what `get` returns, after how many seconds, and how many fetches have been started by then.
    #[track_caller]
    fn assert_get(&self, expected: Outcome, seconds: u64, fetches: u32) -> impl Future<Output = ()> + use<> {
        let (this, caller) = (self.clone(), std::panic::Location::caller());
        async move {
            let start = Instant::now();
            let outcome = this.value.get().await;
            let elapsed = start.elapsed().as_secs();
            // A fetch in the background starts when its task is first polled.
            yield_now().await;
            assert_eq!((outcome, elapsed, this.fetches()), (expected, seconds, fetches), "{caller}");
        }
    }
}

/// Lets time pass, and lets the fetches that end meanwhile complete.
async fn pass(seconds: u64) {
    advance(Duration::from_secs(seconds)).await;
    for _ in 0..3 {
        yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn value_is_renewed_in_the_background_before_it_expires() {
    let fixture = Fixture::new();
    fixture.assert_get(Ok(1), 1, 1).await;
    pass(99).await;
    fixture.assert_get(Ok(1), 0, 1).await;
    pass(1).await;
    for _ in 0..3 {
        fixture.assert_get(Ok(1), 0, 2).await;
    }
    pass(1).await;
    fixture.assert_get(Ok(2), 0, 2).await;
}

#[tokio::test(start_paused = true)]
async fn concurrent_calls_share_one_fetch_that_outlives_its_caller() {
    let fixture = Fixture::new();
    let first = tokio::spawn(fixture.assert_get(Ok(1), 1, 1));
    yield_now().await;
    let others: JoinSet<()> = (0..20).map(|_| fixture.assert_get(Ok(1), 1, 1)).collect();
    yield_now().await;
    first.abort();
    others.join_all().await;
}

#[tokio::test(start_paused = true)]
async fn failed_renewals_keep_the_value_until_its_maximum_age() {
    let fixture = Fixture::new();
    fixture.assert_get(Ok(1), 1, 1).await;
    fixture.set(Behaviour::Fail);
    pass(100).await;
    for fetches in 2..5 {
        fixture.assert_get(Ok(1), 0, fetches).await;
        // The fetch fails after a second; the next one may start 30 s later.
        pass(1).await;
        pass(29).await;
        fixture.assert_get(Ok(1), 0, fetches).await;
        pass(1).await;
    }
    pass(7).await;
    fixture.assert_get(FAILED, 1, 5).await;
}

#[tokio::test(start_paused = true)]
async fn without_a_value_the_last_failure_is_returned_until_the_next_fetch_may_start() {
    let fixture = Fixture::new();
    fixture.set(Behaviour::Fail);
    fixture.assert_get(FAILED, 1, 1).await;
    pass(4).await;
    fixture.assert_get(FAILED, 0, 1).await;
    fixture.set(Behaviour::Succeed);
    pass(1).await;
    fixture.assert_get(Ok(2), 1, 2).await;
}

#[tokio::test(start_paused = true)]
async fn no_fetch_starts_before_the_time_that_the_source_asked_for() {
    let fixture = Fixture::new();
    fixture.set(Behaviour::Throttle(60));
    let throttled = || Err(RefreshError::Fetch(Failure(Some(60))));
    fixture.assert_get(throttled(), 1, 1).await;
    pass(20).await;
    fixture.assert_get(throttled(), 0, 1).await;
    assert_eq!((fixture.value.refresh().await, fixture.fetches()), (throttled(), 1));
    assert_eq!(fixture.value.retry_after(), Some(Duration::from_secs(40)));
    fixture.set(Behaviour::Succeed);
    pass(40).await;
    assert_eq!(fixture.value.retry_after(), None);
    fixture.assert_get(Ok(2), 1, 2).await;
    // A renewal waits too, and the known value is returned meanwhile.
    fixture.set(Behaviour::Throttle(90));
    pass(100).await;
    fixture.assert_get(Ok(2), 0, 3).await;
    pass(1).await;
    pass(89).await;
    fixture.assert_get(Ok(2), 0, 3).await;
    pass(1).await;
    fixture.assert_get(Ok(2), 0, 4).await;
}

#[tokio::test(start_paused = true)]
async fn a_source_can_stop_fetches_for_an_hour_at_most() {
    let fixture = Fixture::new();
    fixture.set(Behaviour::Throttle(u64::MAX));
    fixture.assert_get(Err(RefreshError::Fetch(Failure(Some(u64::MAX)))), 1, 1).await;
    fixture.set(Behaviour::Succeed);
    pass(60 * 60).await;
    fixture.assert_get(Ok(2), 1, 2).await;
}

#[tokio::test(start_paused = true)]
async fn refresh_fetches_once_per_minimum_interval() {
    let fixture = Fixture::new();
    assert_eq!(fixture.value.refresh().await, Ok(1));
    pass(29).await;
    assert_eq!((fixture.value.refresh().await, fixture.fetches()), (Ok(1), 1));
    pass(1).await;
    assert_eq!(fixture.value.refresh().await, Ok(2));
    fixture.set(Behaviour::Fail);
    pass(30).await;
    assert_eq!((fixture.value.refresh().await, fixture.fetches()), (Ok(2), 3));
}

#[tokio::test(start_paused = true)]
async fn evicted_value_is_fetched_again_at_once() {
    let fixture = Fixture::new();
    fixture.assert_get(Ok(1), 1, 1).await;
    pass(10).await;
    for (value, min_age, evicted) in [(2, 0, false), (1, 11, false), (1, 10, true), (1, 0, false)] {
        let matches = |known: &u32, age: Duration| *known == value && age >= Duration::from_secs(min_age);
        assert_eq!(fixture.value.evict_if(matches), evicted, "{value} {min_age}");
    }
    fixture.assert_get(Ok(2), 1, 2).await;
}

#[tokio::test(start_paused = true)]
async fn fetch_that_panics_or_hangs_does_not_block_the_next_one() {
    let fixture = Fixture::new();
    fixture.set(Behaviour::Panic);
    fixture.assert_get(Err(RefreshError::Unfinished), 1, 1).await;
    fixture.set(Behaviour::Hang);
    fixture.assert_get(Err(RefreshError::Unfinished), 20, 2).await;
    fixture.set(Behaviour::Succeed);
    pass(5).await;
    fixture.assert_get(Ok(3), 1, 3).await;
}
