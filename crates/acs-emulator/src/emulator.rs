//! The emulator as its users see it.

use std::{fmt, io, path::Path, sync::Arc};

use tokio::net::TcpListener;

use crate::{certificate::Certificate, connection, options::Options, service::Service};

/// An emulator of ACS Identity. Clones share one state.
#[derive(Clone)]
pub struct Emulator(Arc<Service>);

impl fmt::Debug for Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emulator").field("resource", &self.0.options.resource).finish_non_exhaustive()
    }
}

impl Emulator {
    /// Creates an emulator without identities that keeps its state in memory.
    ///
    /// The key that signs its tokens is generated in the background, and shared by all such emulators of the process.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self(Arc::new(Service::new(options)))
    }

    /// Opens an emulator that keeps its identities and keys in a file, and creates the file if there is none.
    ///
    /// A change is in the file before its request is answered. The file is locked until the last clone of the emulator
    /// and the last connection to it are dropped. Blocks the thread: a new key takes up to a second.
    ///
    /// # Errors
    /// - [`io::ErrorKind::ResourceBusy`] if another emulator uses the file.
    /// - [`io::ErrorKind::InvalidData`] if the file is not a state file, or belongs to another resource.
    /// - Any error of reading or writing the file.
    ///
    /// An existing file is not changed then.
    pub fn open(options: Options, state: &Path) -> io::Result<Self> {
        Service::open(options, state).map(|service| Self(Arc::new(service)))
    }

    /// Serves plain http on a bound listener until the future is dropped. Its connections end with it.
    ///
    /// # Errors
    /// Errors of the listener that are not temporary.
    pub async fn serve_http(&self, listener: TcpListener) -> io::Result<()> {
        connection::serve(Arc::clone(&self.0), listener, None).await
    }

    /// Serves https on a bound listener until the future is dropped. Its connections end with it.
    ///
    /// # Errors
    /// Errors of the listener that are not temporary.
    pub async fn serve_https(&self, listener: TcpListener, certificate: &Certificate) -> io::Result<()> {
        self.0.certificate.get_or_init(|| certificate.pem());
        connection::serve(Arc::clone(&self.0), listener, Some(certificate.acceptor())).await
    }
}
