//! The cache of the identities of users and guests.

use std::{
    num::NonZeroUsize,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use acs_identity::types::IdentityId;
use lru::LruCache;
use tokio::time::Instant;

use super::RecordSelector;

/// Maximum number of cached identities. Each takes about 250 bytes.
const MAX_CACHED_USERS: NonZeroUsize = NonZeroUsize::new(10_000).unwrap();

/// The time after which the record is read again: how long a process can miss that another one has blocked a user.
const MAX_AGE: Duration = Duration::from_secs(60);

/// The identities of users and guests who were not blocked when their records were read.
#[derive(Debug)]
pub(super) struct IdentityCache(Mutex<LruCache<RecordSelector, Cached>>);

#[derive(Debug)]
struct Cached {
    id: IdentityId,
    read_at: Instant,
}

impl Default for IdentityCache {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(MAX_CACHED_USERS)))
    }
}

impl IdentityCache {
    /// Returns the identity of a record, `None` if it is not cached or its record was read over a minute ago.
    pub(super) fn get(&self, owner: RecordSelector) -> Option<IdentityId> {
        self.with(|cache| {
            let cached = cache.get(&owner).filter(|cached| cached.read_at.elapsed() < MAX_AGE);
            cached.map(|cached| cached.id.clone())
        })
    }

    /// Adds an identity. `read_at` is a time before the request for the record was sent.
    pub(super) fn put(&self, owner: RecordSelector, id: IdentityId, read_at: Instant) {
        self.with(|cache| cache.put(owner, Cached { id, read_at }));
    }

    pub(super) fn remove(&self, owner: RecordSelector) {
        self.with(|cache| cache.pop(&owner));
    }

    /// Removes an identity, unless another call has replaced it.
    pub(super) fn evict(&self, owner: RecordSelector, id: &IdentityId) {
        self.with(|cache| {
            if cache.peek(&owner).is_some_and(|cached| cached.id == *id) {
                cache.pop(&owner);
            }
        });
    }

    fn with<T>(&self, work: impl FnOnce(&mut LruCache<RecordSelector, Cached>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::{super::UserId, *};

    #[tokio::test(start_paused = true)]
    async fn cached_identity_is_used_for_less_than_a_minute_after_its_record_was_read() {
        let (cache, user) = (IdentityCache::default(), RecordSelector::User(UserId::from([1; 32])));
        let id: IdentityId = format!("8:acs:{0}_{0}", uuid::Uuid::nil()).parse().unwrap();
        let read_at = Instant::now();
        // The time until the record arrives counts.
        tokio::time::advance(Duration::from_secs(5)).await;
        cache.put(user, id.clone(), read_at);
        tokio::time::advance(Duration::from_millis(54_999)).await;
        assert_eq!(cache.get(user), Some(id));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(cache.get(user), None);
    }
}
