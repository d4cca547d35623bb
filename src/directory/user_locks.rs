//! A lock for each user.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tokio::sync::OwnedMutexGuard;

use super::UserId;

/// The users whose records this process reads or changes.
#[derive(Debug, Default)]
pub(super) struct UserLocks(Mutex<HashMap<UserId, Weak<tokio::sync::Mutex<()>>>>);

impl UserLocks {
    /// Locks the user, after all earlier calls for the same user.
    pub(super) async fn lock(&self, user: UserId) -> OwnedMutexGuard<()> {
        let mutex = {
            let mut users = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            users.retain(|_, mutex| mutex.strong_count() > 0);
            let existing = users.get(&user).and_then(Weak::upgrade);
            existing.unwrap_or_else(|| {
                let mutex = Arc::default();
                users.insert(user, Arc::downgrade(&mutex));
                mutex
            })
        };
        mutex.lock_owned().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn calls_for_one_user_wait_and_unused_locks_are_removed() {
        let user_locks = UserLocks::default();
        let (alice, bob) = (UserId::from([1; 32]), UserId::from([2; 32]));
        let guard = user_locks.lock(alice).await;
        let mut waiting = Box::pin(user_locks.lock(alice));
        assert!(futures_util::poll!(waiting.as_mut()).is_pending());
        drop(user_locks.lock(bob).await);
        drop(guard);
        drop(waiting.await);
        drop(user_locks.lock(bob).await);
        assert_eq!(user_locks.0.lock().unwrap().len(), 1, "unused locks are removed with the next call");
    }
}
