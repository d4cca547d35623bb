//! The tokens that were validated within the last minute: a second request with one needs no check of its signature.
//!
//! Only the hash of a token is kept. An entry counts only as long as its issuer has the key set that checked the token,
//! and is for the token alone: whether the user is blocked is asked elsewhere, with each request.

use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use lru::LruCache;
use sha2::{Digest as _, Sha256};

use super::key_set::KeySet;
use crate::auth::Caller;

/// Maximum number of entries. ACS issues 1,000 tokens in 30 s per resource, so about as many users call in a minute.
const MAX_ENTRIES: NonZeroUsize = NonZeroUsize::new(2_048).unwrap();

/// The longest time for which an entry counts.
const MAX_AGE: Duration = Duration::from_secs(60);

/// The hash of a token.
pub(super) type TokenHash = [u8; 32];

/// A token that was validated.
#[derive(Debug, Clone)]
pub(super) struct Verified {
    /// The caller that the token identifies.
    pub(super) caller: Caller,
    /// The position of the issuer.
    pub(super) issuer: usize,
    /// The key set that checked the signature.
    pub(super) keys: Arc<KeySet>,
    /// The time from which the token is refused.
    pub(super) expires: SystemTime,
}

/// The validated tokens.
#[derive(Debug)]
pub(super) struct VerifiedTokens(Mutex<LruCache<TokenHash, (Verified, SystemTime)>>);

impl Default for VerifiedTokens {
    fn default() -> Self {
        // Grows with its entries.
        let mut cache = LruCache::unbounded();
        cache.resize(MAX_ENTRIES);
        Self(Mutex::new(cache))
    }
}

/// Returns the hash of a token.
pub(super) fn hash(token: &str) -> TokenHash {
    Sha256::digest(token).into()
}

impl VerifiedTokens {
    /// Returns the entry of a token. The system's clock decides, because it also counts the time for which a platform
    /// froze the process.
    pub(super) fn get(&self, token: &TokenHash, now: SystemTime) -> Option<Verified> {
        let mut cache = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (verified, since) = cache.get(token)?;
        // The clock may have been set back.
        let is_recent = now.duration_since(*since).is_ok_and(|age| age < MAX_AGE);
        (is_recent && now < verified.expires).then(|| verified.clone())
    }

    /// Adds a token that was validated at this time.
    pub(super) fn put(&self, token: TokenHash, verified: Verified, now: SystemTime) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).put(token, (verified, now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verified(expires: SystemTime) -> Verified {
        Verified { caller: Caller::Anyone, issuer: 0, keys: Arc::new(KeySet::from_iter([])), expires }
    }

    #[test]
    fn entry_counts_for_a_minute_and_not_after_the_token_expires() {
        let (tokens, now) = (VerifiedTokens::default(), SystemTime::now());
        let in_ms = |ms| now + Duration::from_millis(ms);
        tokens.put(hash("long"), verified(in_ms(3_600_000)), now);
        tokens.put(hash("short"), verified(in_ms(5_000)), now);
        for (token, at, counts) in [
            ("long", in_ms(0), true),
            ("long", in_ms(59_999), true),
            ("long", in_ms(60_000), false),
            ("long", now - Duration::from_millis(1), false),
            ("short", in_ms(4_999), true),
            ("short", in_ms(5_000), false),
            ("other", in_ms(0), false),
        ] {
            assert_eq!(tokens.get(&hash(token), at).is_some(), counts, "{token} at {at:?}");
        }
    }

    #[test]
    fn the_number_of_entries_is_limited() {
        let (tokens, now) = (VerifiedTokens::default(), SystemTime::now());
        for i in 0..=MAX_ENTRIES.get() {
            tokens.put(hash(&i.to_string()), verified(now + MAX_AGE), now);
        }
        assert!(tokens.get(&hash("0"), now).is_none() && tokens.get(&hash("1"), now).is_some());
    }
}
