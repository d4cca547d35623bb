//! The accept loop, and connections that can be reset on purpose.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

use super::{Service, call};

/// What a call needs to know of the connection it came in on.
#[derive(Clone)]
pub(super) struct Peer {
    pub(super) address: SocketAddr,
    pub(super) secure: bool,
    reset: Arc<AtomicBool>,
}

impl Peer {
    pub(super) fn new(address: SocketAddr, secure: bool) -> Self {
        Self { address, secure, reset: Arc::default() }
    }

    /// Marks the connection: it ends with a TCP reset instead of an orderly close.
    pub(super) fn reset(&self) -> Reset {
        self.reset.store(true, Ordering::Relaxed);
        Reset
    }
}

/// The call ends without an answer. Returned to hyper, which then drops the connection.
#[derive(Debug, thiserror::Error)]
#[error("the connection is reset, as ordered at the control")]
pub(super) struct Reset;

/// Accepts connections until the listener fails or the future is dropped.
pub(super) async fn serve(service: Arc<Service>, listener: TcpListener, tls: Option<TlsAcceptor>) -> io::Result<()> {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let (stream, address) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) if passes(&error) => {
                // Out of file descriptors: without a pause the loop would spin until one is free.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
            Err(error) => return Err(error),
        };
        stream.set_nodelay(true).ok();
        connections.spawn(connection(Arc::clone(&service), stream, address, tls.clone()));
    }
}

/// Whether the listener still works after this: the peer gave up, or the process is short of file descriptors.
fn passes(error: &io::Error) -> bool {
    const NO_FILES: [i32; 3] = [23, 24, 10024]; // ENFILE, EMFILE, WSAEMFILE
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset)
        || error.raw_os_error().is_some_and(|code| NO_FILES.contains(&code))
}

async fn connection(service: Arc<Service>, stream: TcpStream, address: SocketAddr, tls: Option<TlsAcceptor>) {
    let peer = Peer::new(address, tls.is_some());
    let stream = Stream { tcp: stream, reset: Arc::clone(&peer.reset) };
    match tls {
        None => http(service, stream, peer).await,
        Some(acceptor) => match acceptor.accept(stream).await {
            Ok(stream) => http(service, stream, peer).await,
            Err(error) => {
                let hint = "the TLS handshake failed; does the client trust the emulator's certificate?";
                tracing::warn!(target: super::LOG, %address, %error, "{hint}");
            }
        },
    }
}

async fn http(service: Arc<Service>, stream: impl AsyncRead + AsyncWrite + Unpin, peer: Peer) {
    let handler = service_fn(|request| {
        let (service, peer) = (Arc::clone(&service), peer.clone());
        async move { call::answer(&service, &peer, request).await }
    });
    let served = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), handler).await;
    if let Err(error) = served {
        tracing::debug!(target: super::LOG, address = %peer.address, %error, "the connection ended early");
    }
}

/// A TCP stream that says goodbye with a reset once its flag is up.
struct Stream {
    tcp: TcpStream,
    reset: Arc<AtomicBool>,
}

impl Drop for Stream {
    fn drop(&mut self) {
        if self.reset.load(Ordering::Relaxed) {
            // Linger zero: closing sends RST, and whatever is still in the send buffer is thrown away.
            self.tcp.set_zero_linger().ok();
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_read(cx, buf)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.reset.load(Ordering::Relaxed) {
            return Poll::Ready(Ok(())); // a FIN first would make it an orderly close
        }
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }
}
