//! The client of ACS Identity: typed operations, signed requests, errors that keep what ACS said.
//!
//! ```no_run
//! use acs_identity::{Client, ClientOptions, connection_string::ConnectionString, types::{Scope, TokenRequest}};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let text = "endpoint=https://contoso.communication.azure.com/;accesskey=cHc=";
//! let client = Client::new(ClientOptions::from(text.parse::<ConnectionString>()?))?;
//! let created = client.create_identity(None).await?;
//! let token = client.issue_token(&created.id, &TokenRequest::new(vec![Scope::Voip], None)?).await?;
//! println!("{} has a token until {}", created.id, token.expires_on());
//! # Ok(()) }
//! ```

pub mod connection_string;
pub mod credential;
pub mod endpoint;
pub mod error;
pub mod hash;
mod observe;
mod operations;
mod readiness;
pub mod remedy;
mod retry;
mod send;
mod service_error;
pub mod signature;
pub mod trace;
pub mod types;

use std::{sync::Arc, time::Duration};

pub use error::Error;
pub use operations::{CreatedIdentity, TeamsTokenRequest};
pub use readiness::Accepted;

use connection_string::ConnectionString;
use credential::Credential;
use endpoint::Endpoint;
use readiness::Readiness;
use types::ApiVersion;

/// The time one call to ACS may take with all its tries, where nothing else is set.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// The time one try may take, from connecting to the last byte of the answer, where nothing else is set.
pub const TRY_TIMEOUT: Duration = Duration::from_secs(10);

/// What a client needs to know.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// Where the resource answers.
    pub endpoint: Endpoint,
    /// What calls are authorised with.
    pub credential: Credential,
    /// The version of the REST API to ask for.
    pub api_version: ApiVersion,
    /// The time one call may take with all its tries.
    pub deadline: Duration,
    /// The time one try may take.
    pub try_timeout: Duration,
    /// Whether spans get whole identity ids instead of a short hash.
    pub log_identity_ids: bool,
}

impl ClientOptions {
    /// Options with the defaults for all the rest.
    #[must_use]
    pub fn new(endpoint: Endpoint, credential: Credential) -> Self {
        Self {
            endpoint,
            credential,
            api_version: ApiVersion::default(),
            deadline: DEADLINE,
            try_timeout: TRY_TIMEOUT,
            log_identity_ids: false,
        }
    }
}

impl From<ConnectionString> for ClientOptions {
    fn from(ConnectionString { endpoint, access_key }: ConnectionString) -> Self {
        Self::new(endpoint, access_key.into())
    }
}

/// A client of one ACS resource. Cloning it is cheap, and clones share one pool of connections.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    settings: Arc<ClientOptions>,
    readiness: Arc<Readiness>,
}

impl Client {
    /// A client with these settings. Nothing is sent yet.
    ///
    /// # Errors
    /// When the TLS library cannot be set up, as without any trusted root on the machine.
    pub fn new(settings: ClientOptions) -> Result<Self, reqwest::Error> {
        let mut http = reqwest::Client::builder();
        if settings.endpoint.is_loopback() {
            // A proxy would carry what may be in the clear on this machine alone across the network.
            http = http.no_proxy();
        }
        let http = http
            .user_agent(concat!("acs-tokens/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(5))
            // Azure's front end drops idle connections after some minutes; ours go first, so that no call meets its end.
            .pool_idle_timeout(Duration::from_secs(55))
            .tcp_keepalive(Duration::from_secs(30))
            // A signature is good for one host; a redirect would carry it to another.
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self { http, settings: Arc::new(settings), readiness: Arc::default() })
    }

    /// The connections, for what else this process asks over HTTP.
    #[must_use]
    pub const fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// Opens a connection to ACS, and gets the first token where calls are authorised by tokens, so that the first call
    /// finds both. What comes of it does not matter: it is only sooner or later that they are made.
    pub async fn warm(&self) {
        let url = self.settings.endpoint.url().clone();
        let answer = self.http.head(url).timeout(self.settings.try_timeout).send();
        let (answered, ()) = tokio::join!(answer, self.settings.credential.warm(&self.http));
        tracing::debug!(connected = answered.is_ok(), "warmed");
    }
}
