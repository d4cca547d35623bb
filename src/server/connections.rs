//! The open connections. If there are too many, the one that has waited longest for a request is closed.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::Router;
use hyper_util::server::graceful::Watcher;
use tokio::{net::TcpStream, task::AbortHandle, time::Instant};

use super::{
    Limits,
    connection::{self, Activity},
};

/// The answer to a connection beyond the limit, if each of the others has a request.
const REFUSAL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n\
                         X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n";

/// The shortest time between two warnings about the limit.
const WARNING_INTERVAL: Duration = Duration::from_secs(10);

/// The open connections and their limits.
#[derive(Debug, Clone)]
pub(super) struct Connections {
    limits: Limits,
    open: Arc<Mutex<Open>>,
}

#[derive(Debug, Default)]
struct Open {
    by_number: HashMap<u64, (Arc<Activity>, AbortHandle)>,
    last_number: u64,
    last_warning: Option<Instant>,
}

/// A connection in the table. It is removed when this is dropped.
struct Entry {
    connections: Connections,
    number: u64,
}

impl Connections {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, open: Arc::default() }
    }

    /// Serves a connection in a task of its own, or refuses it if every other connection has a request.
    pub(super) fn open(&self, stream: TcpStream, app: &Router, watcher: Watcher) {
        let mut open = self.lock();
        if open.by_number.len() >= self.limits.connections && !open.make_room(self.limits.connections) {
            // The peer may not see it if its request arrives later. It then sees a closed connection.
            let _ = stream.try_write(REFUSAL);
            return;
        }
        open.last_number += 1;
        let entry = Entry { connections: self.clone(), number: open.last_number };
        let activity = Arc::new(Activity::new());
        let (app, limits) = (app.clone(), self.limits);
        let served = connection::serve(stream, app, Arc::clone(&activity), limits, watcher);
        // The lock is held, so that the entry is added before the task can remove it.
        let task = tokio::spawn(async move {
            let _entry = entry;
            served.await;
        });
        let number = open.last_number;
        open.by_number.insert(number, (activity, task.abort_handle()));
    }

    /// Drops every connection, with its request.
    pub(super) fn drop_all(&self) {
        self.lock().by_number.values().for_each(|(_, task)| task.abort());
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    /// Closes the connection that has waited longest for a request. Returns `false` if each one has a request.
    fn make_room(&mut self, limit: usize) -> bool {
        let waiting = self.by_number.iter();
        let waiting = waiting.filter_map(|(number, (activity, _))| Some((activity.waiting_since()?, *number)));
        let closed = match waiting.min() {
            // A request may have arrived in between. Then there is no room, as if it had arrived before.
            Some((_, number)) if self.by_number[&number].0.close() => self.by_number.remove(&number),
            _ => None,
        };
        if let Some((_, task)) = &closed {
            task.abort();
        }
        if self.last_warning.is_none_or(|last| last.elapsed() >= WARNING_INTERVAL) {
            self.last_warning = Some(Instant::now());
            let effect = if closed.is_some() { "idle connections are closed" } else { "connections are refused" };
            tracing::warn!(limit, effect, "the limit on connections is reached");
        }
        closed.is_some()
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.connections.lock().by_number.remove(&self.number);
    }
}
