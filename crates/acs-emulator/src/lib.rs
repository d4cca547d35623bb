//! ACS Identity on your machine: strict, and ready to fail when told to.
//!
//! It speaks the wire of ACS Identity as recorded traffic shows it, checks every signature, and says on its own log
//! (`tracing`, target `acs_tokens::emulator`) why it refused one. It is no part of any deployed binary.
//! docs/emulator.md lists what it does, what it does not do, and every choice made where nothing is recorded.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use acs_emulator::{Emulator, Options, connection_string};
//!
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! println!("{}", connection_string("http", listener.local_addr()?));
//! Emulator::new(Options::default()).serve_http(listener).await
//! # }
//! ```

use std::{
    fmt, io,
    net::SocketAddr,
    path::Path,
    sync::{Arc, PoisonError},
};

use serde::Serialize;
use tokio::net::TcpListener;
use uuid::{Uuid, uuid};

mod answer;
mod api_error;
mod authentication;
mod call;
mod certificate;
mod connection;
mod control;
mod diagnosis;
mod faults;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod jwt;
mod keeper;
mod keys;
mod managed_identity;
mod oidc;
mod operations;
mod pkcs8;
mod route;
mod state;
mod teams;

pub use certificate::Certificate;

/// The primary access key of every emulator until it is regenerated at the control API: fixed, published and no secret. It decodes to readable English.
pub const DEVELOPMENT_KEY: &str =
    "YWNzLXRva2VucyBlbXVsYXRvcjogYSBwdWJsaXNoZWQgZGV2ZWxvcG1lbnQga2V5LCBub3QgYSBzZWNyZXQhIQ==";

/// The secondary access key of every emulator until it is regenerated at the control API, as published as the other.
pub const DEVELOPMENT_KEY_SECONDARY: &str =
    "YWNzLXRva2VucyBlbXVsYXRvcjogdGhlIHNlY29uZGFyeSBkZXZlbG9wbWVudCBrZXksIHB1Ymxpc2hlZCwgbm90IGEgc2VjcmV0ISEh";

/// What an app beside the emulator has to show to get a managed identity's token (`IDENTITY_HEADER`). No secret either.
pub const DEVELOPMENT_IDENTITY_HEADER: &str = "acs-tokens-emulator-not-a-secret";

/// The resource that the emulator is, where the options do not say otherwise: the guid in its identities' ids.
pub const DEVELOPMENT_RESOURCE: Uuid = uuid!("acacacac-acac-4aca-8aca-acacacacacac");

/// The `tracing` target of everything the emulator logs.
const LOG: &str = "acs_tokens::emulator";

/// What one may choose about an emulator.
#[derive(Debug, Clone)]
pub struct Options {
    /// The guid of the ACS resource it plays, the part of every identity id before the `_`.
    pub resource: Uuid,
    /// The functions in front of it, for its page to call.
    pub functions: Option<Functions>,
}

impl Default for Options {
    fn default() -> Self {
        Self { resource: DEVELOPMENT_RESOURCE, functions: None }
    }
}

/// Where functions are whose people sign in at this emulator's test issuer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Functions {
    /// Their origin, such as `http://127.0.0.1:7071`.
    pub origin: String,
    /// The issuer that they trust, as they spell it.
    pub issuer: String,
    /// The audience that they ask of a token.
    pub audience: String,
}

/// ACS Identity on your machine. Clones share one state.
#[derive(Clone)]
pub struct Emulator(Arc<Service>);

impl fmt::Debug for Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emulator").field("resource", &self.0.options.resource).finish_non_exhaustive()
    }
}

/// What every call can reach.
struct Service {
    options: Options,
    signer: jwt::Signer,
    state: std::sync::Mutex<state::State>,
    oidc: oidc::Oidc,
    keeper: keeper::StateFile,
}

impl Service {
    /// The state, locked. No lock is ever held across an await, and none over code that can panic half way.
    fn state(&self) -> std::sync::MutexGuard<'_, state::State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is kept. Whoever answers that it is done waits for [`keeper::StateFile::kept`] first.
    fn change<T>(
        &self,
        change: impl FnOnce(&mut state::State) -> Result<T, api_error::ApiError>,
    ) -> Result<T, api_error::ApiError> {
        let changed = change(&mut self.state())?;
        self.keeper.note();
        Ok(changed)
    }

    /// What a restart keeps; nothing where nothing is kept.
    fn picture(&self) -> Option<keeper::Kept> {
        let signing_key = self.signer.to_kept()?;
        let (keys, identities) = {
            let state = self.state();
            ((*state.keys).clone(), state.identities().into_iter().cloned().collect())
        };
        Some(keeper::Kept::new(self.options.resource, signing_key, keys, self.oidc.to_kept(), identities))
    }
}

impl Emulator {
    /// An emulator without any identity, which forgets everything at its end. The key that signs its tokens is made in
    /// the background.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self(Arc::new(Service {
            options,
            signer: jwt::Signer::of_the_process(),
            state: std::sync::Mutex::default(),
            oidc: oidc::Oidc::default(),
            keeper: keeper::StateFile::default(),
        }))
    }

    /// An emulator that keeps its identities and keys in a file: each change is in it before it is answered.
    /// docs/emulator.md says what is kept and what is not.
    ///
    /// The file is made if it is not there, and is this emulator's alone until the last clone of it and the last
    /// connection to it have gone.
    ///
    /// # Errors
    /// The file is another emulator's now, or not one that this emulator wrote for this resource, or the system lets
    /// nobody read or write it. The file is left as it is then.
    pub fn open(options: Options, state: &Path) -> io::Result<Self> {
        let resource = options.resource;
        let (file, kept) = keeper::File::open(state, || {
            let key = jwt::Signer::generate().and_then(|signer| signer.to_kept());
            let key = key.ok_or_else(|| io::Error::other("the key that signs tokens could not be made"))?;
            Ok(keeper::Kept::new(resource, key, <_>::default(), <_>::default(), Vec::new()))
        })?;
        if kept.resource != resource {
            return Err(
                file.refused(&format!("has the identities of the resource {}, not of {resource}", kept.resource))
            );
        }
        let broken = || file.refused("has a broken key");
        let signer = jwt::Signer::from_kept(&kept.signing_key).ok_or_else(broken)?;
        let issuer = kept.test_issuer.restore().map_err(|_| broken())?;
        let (keeper, writer) = keeper::StateFile::new(file);
        let oidc = oidc::Oidc::with(issuer, keeper.clone());
        let state = std::sync::Mutex::new(state::State::with(kept.identities, kept.access_keys));
        let service = Arc::new(Service { options, signer, state, oidc, keeper });
        let weak = Arc::downgrade(&service);
        writer.start(move || weak.upgrade()?.picture())?;
        Ok(Self(service))
    }

    /// Serves plain http on a bound listener, until the future is dropped; its connections end with it.
    ///
    /// # Errors
    /// Those of the listener that do not pass.
    pub async fn serve_http(&self, listener: TcpListener) -> io::Result<()> {
        connection::serve(Arc::clone(&self.0), listener, None).await
    }

    /// Serves https on a bound listener, until the future is dropped; its connections end with it.
    ///
    /// # Errors
    /// Those of the listener that do not pass.
    pub async fn serve_https(&self, listener: TcpListener, certificate: &Certificate) -> io::Result<()> {
        connection::serve(Arc::clone(&self.0), listener, Some(certificate.acceptor())).await
    }
}

/// The connection string for an emulator, such as `endpoint=http://127.0.0.1:7072/;accesskey=…`.
///
/// Nothing may be appended: the Java SDK refuses names it does not know, the JavaScript SDK takes them for a part of
/// the key.
#[must_use]
pub fn connection_string(scheme: &str, address: SocketAddr) -> String {
    format!("endpoint={scheme}://{address}/;accesskey={DEVELOPMENT_KEY}")
}

/// The test issuer of an emulator, as tokens and `OIDC_ISSUERS` name it, such as `http://127.0.0.1:7072/_emulator/oidc`.
#[must_use]
pub fn issuer(address: SocketAddr) -> String {
    format!("http://{address}/_emulator/oidc")
}

/// Where an app beside an emulator gets its managed identity's tokens (`IDENTITY_ENDPOINT`), such as
/// `http://127.0.0.1:7072/_emulator/msi/token`.
#[must_use]
pub fn identity_endpoint(scheme: &str, address: SocketAddr) -> String {
    format!("{scheme}://{address}/_emulator/msi/token")
}
