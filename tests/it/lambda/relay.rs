//! A way to the emulator whose connections can be cut, as a peer or a NAT gateway does with idle ones.

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

/// Passes bytes on, until cut.
pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
    scissors: watch::Sender<()>,
}

impl Relay {
    pub(crate) async fn start(to: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (connections, scissors) = (Arc::new(AtomicUsize::new(0)), watch::Sender::new(()));
        let relay = Self { address, connections: Arc::clone(&connections), scissors: scissors.clone() };
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::SeqCst);
                let (mut cut, to) = (scissors.subscribe(), to.clone());
                tokio::spawn(async move {
                    let mut far = TcpStream::connect(to).await.unwrap();
                    tokio::select! {
                        _ = copy_bidirectional(&mut near, &mut far) => {}
                        _ = cut.changed() => {}
                    }
                });
            }
        });
        relay
    }

    /// Cuts all connections; they are closed when it returns.
    pub(crate) async fn cut(&self) {
        self.scissors.send(()).unwrap();
        self.scissors.closed().await;
    }

    /// How many connections there have been.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}
