//! Serves a router on a listener until shutdown.

use std::{future::Future, io, time::Duration};

use axum::{Router, serve::ListenerExt as _};
use tokio::{net::TcpListener, sync::oneshot};

/// The time that requests have to finish at shutdown: that of a call to ACS, and less than the 30 s after which
/// Kubernetes kills the process.
pub const GRACE: Duration = Duration::from_secs(20);

/// Serves until `shutdown` completes. Open requests then have [`GRACE`] to finish.
///
/// # Errors
/// Does not fail in practice: axum retries a connection that it fails to accept.
pub async fn run(
    listener: TcpListener,
    app: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    run_with_grace(listener, app, shutdown, GRACE).await
}

/// Serves as [`run`] does, with another time for open requests.
///
/// # Errors
/// Does not fail in practice, like [`run`].
pub async fn run_with_grace(
    listener: TcpListener,
    app: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
    grace: Duration,
) -> io::Result<()> {
    // A response is one small packet, which Nagle's algorithm would delay.
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    let (stopping, stopped) = oneshot::channel();
    let shutdown = async move {
        shutdown.await;
        tracing::info!(grace_s = grace.as_secs_f64(), "stopping: waiting for open requests");
        let _ = stopping.send(());
    };
    let server = axum::serve(listener, app).with_graceful_shutdown(shutdown).into_future();
    let timeout = async {
        // An error means that the server ended by itself.
        if stopped.await.is_err() {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(grace).await;
    };
    tokio::select! {
        result = server => result,
        () = timeout => {
            tracing::warn!("shutdown timed out: open requests are dropped");
            Ok(())
        }
    }
}
