//! Serves a router on a listener until shutdown, within limits on connections.

mod connection;
mod connections;

use std::{future::Future, io, pin::pin, time::Duration};

use axum::Router;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::{net::TcpListener, time::Instant};

use connections::Connections;

/// The time that requests have to finish at shutdown: that of a call to ACS, and less than the 30 s after which
/// Kubernetes kills the process.
pub const GRACE: Duration = Duration::from_secs(20);

/// Files that are not connections of callers: the listener, and connections to ACS, the issuers and the store.
const OTHER_FILES: u64 = 128;

/// The time to wait after a failure to accept that lasts, such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// The limits on connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The number of open connections.
    pub connections: usize,
    /// The time in which a request's header must arrive, from its first byte or the start of the connection on.
    pub header_timeout: Duration,
    /// The time that a connection may stay open between two requests.
    pub idle_timeout: Duration,
    /// The time that requests have to finish at shutdown.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1024,
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            grace: GRACE,
        }
    }
}

impl Limits {
    /// No limits on connections, for a peer that is the only one and is trusted: the Functions host. A connection that
    /// is closed while the host uses it again would be a failed request.
    #[must_use]
    pub fn none() -> Self {
        Self { connections: usize::MAX, header_timeout: Duration::MAX, idle_timeout: Duration::MAX, ..Self::default() }
    }

    /// Raises the process's limit of open files as far as the connections need, else lowers their number.
    fn within_open_files(self) -> Self {
        let Some(files) = u64::try_from(self.connections).ok().and_then(|count| count.checked_add(OTHER_FILES)) else {
            return self;
        };
        // Many systems start a process with a limit of 1,024 and let it raise the limit itself.
        let files = rlimit::increase_nofile_limit(files).unwrap_or(files);
        let connections = usize::try_from(files.saturating_sub(OTHER_FILES)).unwrap_or(usize::MAX).max(1);
        if connections < self.connections {
            let cause = "the process may not open enough files; raise its limit (ulimit -n)";
            tracing::warn!(connections, cause, "lowered the limit on connections");
        }
        Self { connections: connections.min(self.connections), ..self }
    }
}

/// Serves until `shutdown` completes. Open requests then have [`Limits::grace`] to finish. Returns what is left of it.
pub async fn run(listener: TcpListener, app: Router, limits: Limits, shutdown: impl Future<Output = ()>) -> Duration {
    let limits = limits.within_open_files();
    let connections = Connections::new(limits);
    let graceful = GracefulShutdown::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut shutdown => break,
        };
        match accepted {
            Ok((stream, _)) => {
                // A response is one small packet, which Nagle's algorithm would delay.
                let _ = stream.set_nodelay(true);
                connections.open(stream, &app, graceful.watcher());
            }
            Err(error) if is_of_connection(&error) => {}
            Err(error) => {
                tracing::warn!(cause = %error, "could not accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    // The system refuses new connections from here on.
    drop(listener);
    tracing::info!(grace_s = limits.grace.as_secs_f64(), "stopping: waiting for open requests");
    let end = Instant::now() + limits.grace;
    let mut finished = pin!(graceful.shutdown());
    if tokio::time::timeout_at(end, &mut finished).await.is_err() {
        tracing::warn!("shutdown timed out: open requests are dropped");
        connections.drop_all();
        finished.await;
    }
    end.saturating_duration_since(Instant::now())
}

/// Returns whether the peer gave up before its connection was accepted.
fn is_of_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Completes on Ctrl+C, and on SIGTERM, which containers send. From this call on, these signals no longer end the process.
#[cfg(unix)]
pub fn shutdown_signal() -> impl Future<Output = ()> + Send {
    use tokio::signal::unix::{SignalKind, signal};
    let signals = [SignalKind::interrupt(), SignalKind::terminate()].map(signal);
    async move {
        let [Ok(mut interrupt), Ok(mut terminate)] = signals else { return std::future::pending().await };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    }
}

/// Completes on Ctrl+C.
#[cfg(not(unix))]
pub async fn shutdown_signal() {
    let _ = tokio::signal::ctrl_c().await;
}
