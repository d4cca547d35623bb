//! A TCP relay to the emulator that can close its connections, as a peer or a NAT gateway does with idle ones.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// A running relay.
pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
    close: watch::Sender<()>,
}

impl Relay {
    pub(crate) async fn start(to: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (connections, close) = (Arc::new(AtomicUsize::new(0)), watch::Sender::new(()));
        let relay = Self { address, connections: Arc::clone(&connections), close: close.clone() };
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::SeqCst);
                let (mut closed, to) = (close.subscribe(), to.clone());
                tokio::spawn(async move {
                    let mut far = TcpStream::connect(to).await.unwrap();
                    tokio::select! {
                        _ = copy_bidirectional(&mut near, &mut far) => {}
                        _ = closed.changed() => {}
                    }
                });
            }
        });
        relay
    }

    /// Closes all connections, and waits until they are closed.
    pub(crate) async fn close_all(&self) {
        self.close.send(()).unwrap();
        self.close.closed().await;
    }

    /// Returns the number of connections so far.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}
