//! One call at a time for each user.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tokio::sync::OwnedMutexGuard;

use super::UserId;

/// The users whose identity is being looked for, made or deleted in this process.
#[derive(Debug, Default)]
pub(super) struct UserLocks(Mutex<HashMap<UserId, Weak<tokio::sync::Mutex<()>>>>);

/// A user's turn. It ends when this is dropped.
pub(super) type Turn = OwnedMutexGuard<()>;

impl UserLocks {
    /// Waits for the calls for the same user that came before.
    pub(super) async fn turn(&self, user: UserId) -> Turn {
        let mutex = {
            let mut users = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            users.retain(|_, mutex| mutex.strong_count() > 0);
            let known = users.get(&user).and_then(Weak::upgrade);
            known.unwrap_or_else(|| {
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
    async fn one_at_a_time_and_nothing_left_behind() {
        let user_locks = UserLocks::default();
        let (alice, bob) = (UserId::from([1; 32]), UserId::from([2; 32]));
        let turn = user_locks.turn(alice).await;
        let mut waiting = Box::pin(user_locks.turn(alice));
        assert!(futures_util::poll!(waiting.as_mut()).is_pending());
        drop(user_locks.turn(bob).await);
        drop(turn);
        drop(waiting.await);
        drop(user_locks.turn(bob).await);
        assert_eq!(user_locks.0.lock().unwrap().len(), 1, "only the last one, until the next comes");
    }
}
