//! Serves a router on a listener, until told to stop.

use std::{future::Future, io, time::Duration};

use axum::{Router, serve::ListenerExt as _};
use tokio::{net::TcpListener, sync::oneshot};

/// So long may take what is in flight at the end: as long as a call to ACS, and less than the 30 s after which Kubernetes
/// kills.
pub const GRACE: Duration = Duration::from_secs(20);

/// Serves until `shutdown` is done, then finishes what is in flight, within [`GRACE`].
///
/// # Errors
/// Never in practice: a connection that fails to be accepted is tried again.
pub async fn run(
    listener: TcpListener,
    app: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    run_with_grace(listener, app, shutdown, GRACE).await
}

/// The same with another bound.
///
/// # Errors
/// As [`run`].
pub async fn run_with_grace(
    listener: TcpListener,
    app: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
    grace: Duration,
) -> io::Result<()> {
    // An answer is one small packet; Nagle's algorithm would hold it back for nothing.
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    let (send, stopping) = oneshot::channel();
    let shutdown = async move {
        shutdown.await;
        tracing::info!(grace_s = grace.as_secs_f64(), "stopping: finishing what is in flight");
        let _ = send.send(());
    };
    let serving = axum::serve(listener, app).with_graceful_shutdown(shutdown).into_future();
    let bound = async {
        // Dropped unsent where serving ended by itself; then that is what counts.
        if stopping.await.is_err() {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(grace).await;
    };
    tokio::select! {
        served = serving => served,
        () = bound => {
            tracing::warn!("what was still in flight is broken off");
            Ok(())
        }
    }
}
