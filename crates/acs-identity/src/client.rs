//! The client: its options, its construction, and the calls that are not operations of the API.

use std::{sync::Arc, time::Duration};

use jiff::SignedDuration;

use crate::{
    ConnectionString, Credential, Endpoint, Error, InvalidResponseReason, Observer, http,
    http::TlsError,
    operation::Operation,
    types::{ApiVersion, IdentityId},
};

/// The options of an [`IdentityClient`].
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// The version of the REST API.
    pub api_version: ApiVersion,
    /// The time one call may take, with all its attempts. 20 s by default.
    pub deadline: Duration,
    /// The time one attempt may take, from connecting to the end of the response body. 10 s by default.
    pub attempt_timeout: Duration,
    /// The observer of all calls.
    pub observer: Arc<dyn Observer>,
    /// The HTTP client to send with. If it is `None`, one is built with [`http::client_builder_for`].
    pub http_client: Option<reqwest::Client>,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            api_version: ApiVersion::default(),
            deadline: Duration::from_secs(20),
            attempt_timeout: Duration::from_secs(10),
            observer: Arc::new(()),
            http_client: None,
        }
    }
}

/// A client for the Identity API of one ACS resource. Clones are cheap and share one connection pool.
#[derive(Debug, Clone)]
pub struct IdentityClient(pub(crate) Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) endpoint: Endpoint,
    pub(crate) credential: Credential,
    pub(crate) options: ClientOptions,
    pub(crate) http: reqwest::Client,
}

/// Details of the response by which ACS accepted a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Accepted {
    /// Time by which the clock of this machine is ahead of the clock of ACS.
    pub clock_skew: Option<SignedDuration>,
    /// The API versions that ACS supports, as it lists them.
    pub supported_versions: Option<String>,
}

impl IdentityClient {
    /// Creates a client with default options. Nothing is sent yet.
    ///
    /// # Errors
    /// See [`TlsError`].
    pub fn new(endpoint: Endpoint, credential: impl Into<Credential>) -> Result<Self, TlsError> {
        Self::with_options(endpoint, credential, ClientOptions::default())
    }

    /// Creates a client from a connection string, with default options. Nothing is sent yet.
    ///
    /// # Errors
    /// See [`TlsError`].
    pub fn from_connection_string(connection_string: ConnectionString) -> Result<Self, TlsError> {
        Self::new(connection_string.endpoint, connection_string.access_key)
    }

    /// Creates a client. Nothing is sent yet.
    ///
    /// # Errors
    /// See [`TlsError`].
    pub fn with_options(
        endpoint: Endpoint,
        credential: impl Into<Credential>,
        options: ClientOptions,
    ) -> Result<Self, TlsError> {
        let http = match &options.http_client {
            Some(http) => http.clone(),
            None => http::client_builder_for(endpoint.url())?.build()?,
        };
        Ok(Self(Arc::new(Inner { endpoint, credential: credential.into(), options, http })))
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
        let Inner { endpoint, credential, options, http } = &*self.0;
        let connect = http.head(endpoint.url().clone()).timeout(options.attempt_timeout).send();
        let (_, token) = tokio::join!(connect, credential.warm_up());
        token
    }

    /// Asks ACS whether it accepts the credential, by a call that changes nothing.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn verify_credential(&self) -> Result<Accepted, Error> {
        // ACS checks the credential before the identity. An identity of another resource proves that it was accepted.
        match self.send(Operation::RevokeTokens, Some(&IdentityId::nil()), Vec::new(), |_| Some(())).await {
            // No resource has this identity, so its tokens cannot have been revoked.
            Ok(()) => {
                let (status, reason) = (Operation::RevokeTokens.success(), InvalidResponseReason::Status);
                Err(Error::InvalidResponse { status, reason })
            }
            Err(Error::Service(error)) if error.kind.is_identity_gone() => {
                Ok(Accepted { clock_skew: error.clock_skew, supported_versions: error.supported_versions })
            }
            Err(error) => Err(error),
        }
    }
}
