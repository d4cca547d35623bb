//! A lock for each user, guest and pass.

use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tokio::sync::OwnedMutexGuard;
use tokio_util::task::TaskTracker;

use super::{Error, RecordSelector};
use crate::request_log;

/// The records that this process reads or changes.
#[derive(Debug)]
pub(super) struct UserLocks {
    users: Mutex<HashMap<RecordSelector, Weak<tokio::sync::Mutex<()>>>>,
    tasks: TaskTracker,
}

impl UserLocks {
    /// Creates the locks. `tasks` tracks detached work.
    pub(super) fn new(tasks: TaskTracker) -> Self {
        Self { users: Mutex::default(), tasks }
    }

    /// Locks the record, after all earlier calls for the same one.
    pub(super) async fn lock(&self, owner: RecordSelector) -> OwnedMutexGuard<()> {
        let mutex = {
            let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
            users.retain(|_, mutex| mutex.strong_count() > 0);
            let existing = users.get(&owner).and_then(Weak::upgrade);
            existing.unwrap_or_else(|| {
                let mutex = Arc::default();
                users.insert(owner, Arc::downgrade(&mutex));
                mutex
            })
        };
        mutex.lock_owned().await
    }

    /// Locks the record and runs `work` in a task of its own, which completes even if the caller disconnects.
    pub(super) async fn run_detached<T: Send + 'static>(
        &self,
        owner: RecordSelector,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        let guard = self.lock(owner).await;
        let task = async move {
            let _guard = guard;
            work.await
        };
        let task = self.tasks.spawn(request_log::in_current(task));
        // After a panic it is unknown which calls to ACS took effect, as after a timeout.
        task.await.unwrap_or(Err(Error::Acs(acs_identity::Error::TimedOut)))
    }
}

#[cfg(test)]
mod tests {
    use super::{super::UserId, *};

    #[tokio::test]
    async fn calls_for_one_user_wait_and_unused_locks_are_removed() {
        let user_locks = UserLocks::new(TaskTracker::new());
        let (alice, bob) = (UserId::from([1; 32]), UserId::from([2; 32]));
        let (alice, bob) = (RecordSelector::User(alice), RecordSelector::User(bob));
        let guard = user_locks.lock(alice).await;
        let mut waiting = Box::pin(user_locks.lock(alice));
        assert!(futures_util::poll!(waiting.as_mut()).is_pending());
        drop(user_locks.lock(bob).await);
        drop(guard);
        drop(waiting.await);
        drop(user_locks.lock(bob).await);
        assert_eq!(user_locks.users.lock().unwrap().len(), 1, "unused locks are removed with the next call");
    }
}
