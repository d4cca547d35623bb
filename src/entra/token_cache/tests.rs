//! The cache under tokio's clock: when it asks, who waits, and what it keeps.

use std::sync::atomic::{AtomicU32, Ordering};

use tokio::time::{Instant, advance};

use super::*;

/// tokio's clock, which stands still and goes on when told.
fn clock() -> Timestamp {
    thread_local!(static START: Instant = Instant::now());
    Timestamp::UNIX_EPOCH + SignedDuration::try_from(START.with(Instant::elapsed)).unwrap()
}

/// Answers each fetch after a second, with tokens of an hour called 1, 2, 3, or with a failure.
#[derive(Default)]
struct Entra {
    asked: AtomicU32,
    down: std::sync::atomic::AtomicBool,
}

impl Entra {
    async fn fetch(self: Arc<Self>) -> Result<Fetched, Failure> {
        let number = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
        tokio::time::sleep(Duration::from_secs(1)).await;
        if self.down.load(Ordering::Relaxed) {
            return Err(Failure::TIMED_OUT);
        }
        let expires_on = clock() + SignedDuration::from_hours(1);
        Ok(Fetched { secret: number.to_string().into(), expires_on })
    }

    fn asked(&self) -> u32 {
        self.asked.load(Ordering::Relaxed)
    }
}

struct Case {
    cache: Arc<TokenCache>,
    entra: Arc<Entra>,
}

impl Case {
    fn new() -> Self {
        Self { cache: TokenCache::new(clock), entra: Arc::default() }
    }

    async fn token(&self) -> Result<Token, Failure> {
        self.cache.token(|| Arc::clone(&self.entra).fetch()).await
    }

    /// The token's name, and how long it took to get it.
    async fn name(&self) -> (String, Duration) {
        let start = Instant::now();
        let token = self.token().await.unwrap();
        (token.secret.secret().to_owned(), start.elapsed())
    }

    async fn pass(&self, seconds: u64) {
        advance(Duration::from_secs(seconds)).await;
    }
}

const AT_ONCE: Duration = Duration::ZERO;

#[tokio::test(start_paused = true)]
async fn renews_at_half_life_while_calls_go_on_with_the_old_one() {
    let case = Case::new();
    assert_eq!(case.name().await, ("1".to_owned(), Duration::from_secs(1)));
    case.pass(1799).await;
    assert_eq!(case.name().await, ("1".to_owned(), AT_ONCE));
    assert_eq!(case.entra.asked(), 1);
    case.pass(1).await;
    // The renewal is under way, once, and nobody waits for it.
    for _ in 0..3 {
        assert_eq!(case.name().await, ("1".to_owned(), AT_ONCE));
        tokio::task::yield_now().await;
    }
    case.pass(2).await;
    tokio::task::yield_now().await;
    assert_eq!(case.name().await, ("2".to_owned(), AT_ONCE));
    assert_eq!(case.entra.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn fetches_once_for_all_who_wait() {
    let case = Arc::new(Case::new());
    let first = tokio::spawn({
        let case = Arc::clone(&case);
        async move { case.name().await }
    });
    let others: Vec<_> = (0..20)
        .map(|_| {
            tokio::spawn({
                let case = Arc::clone(&case);
                async move { case.name().await }
            })
        })
        .collect();
    tokio::task::yield_now().await;
    // The one that began it goes away.
    first.abort();
    for other in others {
        assert_eq!(other.await.unwrap(), ("1".to_owned(), Duration::from_secs(1)));
    }
    assert_eq!(case.entra.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn keeps_a_good_token_when_renewing_fails() {
    let case = Case::new();
    case.name().await;
    case.entra.down.store(true, Ordering::Relaxed);
    case.pass(1800).await;
    for asked in [2, 3] {
        assert_eq!(case.name().await, ("1".to_owned(), AT_ONCE));
        tokio::task::yield_now().await;
        assert_eq!(case.entra.asked(), asked);
        case.pass(2).await;
        tokio::task::yield_now().await;
        // Not again before some time has passed.
        assert_eq!(case.name().await, ("1".to_owned(), AT_ONCE));
        tokio::task::yield_now().await;
        assert_eq!(case.entra.asked(), asked);
        case.pass(30).await;
    }
    // Its last half minute: it could be over on arrival.
    case.pass(1800 - 64 - 29).await;
    assert!(case.token().await.is_err());
    case.entra.down.store(false, Ordering::Relaxed);
    assert_eq!(case.name().await.1, Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn drops_a_denied_token_unless_it_is_new() {
    let case = Case::new();
    let first = case.token().await.unwrap().secret;
    assert!(!case.cache.evict(&first));
    assert_eq!(case.name().await, ("1".to_owned(), AT_ONCE));
    case.pass(30).await;
    assert!(case.cache.evict(&first));
    assert!(!case.cache.evict(&first));
    assert_eq!(case.name().await.0, "2");
    case.pass(30).await;
    assert!(!case.cache.evict(&first));
    assert_eq!(case.name().await, ("2".to_owned(), AT_ONCE));
}

#[tokio::test(start_paused = true)]
async fn survives_a_fetch_that_panics_or_hangs() {
    let case = Case::new();
    assert!(case.cache.token(|| async { panic!("as a test wants it") }).await.is_err());
    let start = Instant::now();
    assert!(case.cache.token(std::future::pending).await.is_err());
    assert_eq!(start.elapsed(), PATIENCE);
    assert_eq!(case.name().await.0, "1");
}
