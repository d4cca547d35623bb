//! The client: its options, its construction, and the calls that are not operations of the API.

use std::{fmt, sync::Arc, time::Duration};

use azure_core::credentials::TokenRequestOptions;
use jiff::SignedDuration;

use crate::{
    ConnectionString, Credential, Endpoint, Error, ErrorKind, Observer, SCOPE, http,
    operation::Operation,
    types::{ApiVersion, IdentityId},
};

/// Options of an [`IdentityClient`].
#[derive(Clone)]
pub struct ClientOptions {
    /// The version of the REST API.
    pub api_version: ApiVersion,
    /// The time one call may take, with all its attempts. 20 s by default.
    pub deadline: Duration,
    /// The time one attempt may take, from connecting to the end of the response body. 10 s by default.
    pub attempt_timeout: Duration,
    /// The observer of all calls.
    pub observer: Option<Arc<dyn Observer>>,
    /// The HTTP client to send with. By default one is built by [`http::client_builder_for`].
    pub http_client: Option<reqwest::Client>,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            api_version: ApiVersion::default(),
            deadline: Duration::from_secs(20),
            attempt_timeout: Duration::from_secs(10),
            observer: None,
            http_client: None,
        }
    }
}

impl fmt::Debug for ClientOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientOptions")
            .field("api_version", &self.api_version)
            .field("deadline", &self.deadline)
            .field("attempt_timeout", &self.attempt_timeout)
            .finish_non_exhaustive()
    }
}

/// A client for the Identity API of one ACS resource. Clones are cheap and share one connection pool.
#[derive(Clone)]
pub struct IdentityClient(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) endpoint: Endpoint,
    pub(crate) credential: Credential,
    pub(crate) api_version: ApiVersion,
    pub(crate) deadline: Duration,
    pub(crate) attempt_timeout: Duration,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) http: reqwest::Client,
}

/// Details of the response by which ACS accepted a credential.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Accepted {
    /// How far the clock of this machine is ahead of the clock of ACS.
    pub clock_skew: Option<SignedDuration>,
    /// The API versions that ACS supports, as it lists them.
    pub supported_versions: Option<String>,
}

impl IdentityClient {
    /// Creates a client with default options. Nothing is sent yet.
    ///
    /// # Errors
    /// If TLS cannot be set up, for example because the machine has no root certificates.
    pub fn new(endpoint: Endpoint, credential: impl Into<Credential>) -> Result<Self, reqwest::Error> {
        Self::with_options(endpoint, credential, ClientOptions::default())
    }

    /// Creates a client from a connection string, with default options. Nothing is sent yet.
    ///
    /// # Errors
    /// If TLS cannot be set up.
    pub fn from_connection_string(connection_string: ConnectionString) -> Result<Self, reqwest::Error> {
        Self::new(connection_string.endpoint, connection_string.access_key)
    }

    /// Creates a client. Nothing is sent yet.
    ///
    /// # Errors
    /// If TLS cannot be set up.
    pub fn with_options(
        endpoint: Endpoint,
        credential: impl Into<Credential>,
        options: ClientOptions,
    ) -> Result<Self, reqwest::Error> {
        let http = match options.http_client {
            Some(http) => http,
            None => http::client_builder_for(endpoint.url()).build()?,
        };
        Ok(Self(Arc::new(Inner {
            endpoint,
            credential: credential.into(),
            api_version: options.api_version,
            deadline: options.deadline,
            attempt_timeout: options.attempt_timeout,
            observer: options.observer.unwrap_or_else(|| Arc::new(())),
            http,
        })))
    }

    /// Returns the HTTP client, to share its connections.
    #[must_use]
    pub fn http_client(&self) -> &reqwest::Client {
        &self.0.http
    }

    /// Opens a connection to ACS and gets the first token from the token credential, so that the first call is faster.
    ///
    /// # Errors
    /// [`Error::Credential`] if there is no token. A failed connection is no error: the first call connects again.
    pub async fn warm_up(&self) -> Result<(), Error> {
        let Inner { endpoint, credential, attempt_timeout, http, .. } = self.inner();
        let connect = http.head(endpoint.url().clone()).timeout(*attempt_timeout).send();
        let token = async {
            match credential {
                Credential::Keys(_) => Ok(()),
                Credential::Token(credential) => {
                    let options = None::<TokenRequestOptions<'_>>;
                    credential.get_token(&[SCOPE], options).await.map(drop).map_err(Error::Credential)
                }
            }
        };
        let (_, token) = tokio::join!(connect, token);
        token
    }

    /// Asks ACS whether it accepts the credential, by a call that changes nothing.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn verify_credential(&self) -> Result<Accepted, Error> {
        // ACS checks the credential before the identity. An identity of another resource proves that it was accepted.
        match self.send(Operation::RevokeTokens, Some(&IdentityId::nil()), Vec::new(), |_| Some(())).await {
            Ok(()) => Ok(Accepted::default()),
            Err(Error::Service(error)) if error.kind == ErrorKind::IdentityNotOwned => {
                Ok(Accepted { clock_skew: error.clock_skew, supported_versions: error.supported_versions })
            }
            Err(error) => Err(error),
        }
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.0
    }
}

impl fmt::Debug for IdentityClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { endpoint, credential, .. } = self.inner();
        f.debug_struct("IdentityClient")
            .field("endpoint", endpoint)
            .field("credential", credential)
            .finish_non_exhaustive()
    }
}
