//! The accept loop, and connections that a fault resets.

use std::{error::Error, future::poll_fn, io, net::SocketAddr, sync::Arc, time::Duration};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::{
    dispatch::{self, Reset},
    options::LOG,
    service::Service,
};

/// Accepts connections until the listener fails or the future is dropped.
pub(crate) async fn serve(service: Arc<Service>, listener: TcpListener, tls: Option<TlsAcceptor>) -> io::Result<()> {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let (stream, address) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) if is_temporary(&error) => {
                // Without a pause, the loop would spin until a file descriptor is free.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
            Err(error) => return Err(error),
        };
        stream.set_nodelay(true).ok();
        connections.spawn(accepted(Arc::clone(&service), stream, address, tls.clone()));
    }
}

/// Returns whether the listener still works: the peer gave up, or the process is out of file descriptors.
fn is_temporary(error: &io::Error) -> bool {
    const NO_FILES: [i32; 3] = [23, 24, 10024]; // ENFILE, EMFILE, WSAEMFILE
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset)
        || error.raw_os_error().is_some_and(|code| NO_FILES.contains(&code))
}

async fn accepted(service: Arc<Service>, stream: TcpStream, address: SocketAddr, tls: Option<TlsAcceptor>) {
    match tls {
        None => serve_connection(&service, stream, (address, false), |stream| stream).await,
        Some(acceptor) => match acceptor.accept(stream).await {
            Ok(stream) => {
                serve_connection(&service, stream, (address, true), |tls: &TlsStream<_>| tls.get_ref().0).await;
            }
            Err(error) => {
                tracing::warn!(target: LOG, %address, %error, "TLS handshake failed; is the certificate trusted?");
            }
        },
    }
}

/// Serves one connection of a peer, over https or not. `tcp` returns the TCP stream below a stream.
async fn serve_connection<S: AsyncRead + AsyncWrite + Unpin>(
    service: &Service,
    stream: S,
    (peer, secure): (SocketAddr, bool),
    tcp: impl FnOnce(&S) -> &TcpStream,
) {
    let handler = service_fn(|request| Box::pin(dispatch::answer(service, peer, secure, request)));
    let mut connection = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), handler);
    let served = poll_fn(|cx| connection.poll_without_shutdown(cx)).await;
    let mut stream = connection.into_parts().io.into_inner();
    if let Err(error) = served {
        if error.source().is_some_and(<dyn Error>::is::<Reset>) {
            // With a linger time of zero, closing the socket sends RST instead of FIN.
            tcp(&stream).set_zero_linger().ok();
            return;
        }
        tracing::debug!(target: LOG, address = %peer, %error, "the connection ended early");
    }
    stream.shutdown().await.ok();
}
