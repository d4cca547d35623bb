//! The settings of the ACS client, and the client with this service's credentials and observer.

use std::{sync::Arc, time::Duration};

use acs_identity::{
    AccessKeys, ApiVersion, ClientOptions, ConnectionString, Credential, Endpoint, IdentityClient, SCOPE, causes, http,
    http::TlsError,
};

use crate::{
    acs_observer::AcsObserver,
    entra::{EntraCredential, TokenSource},
    remedy::CredentialKind,
};

/// The settings of the ACS client.
#[derive(Debug, Clone)]
pub struct AcsSettings {
    /// The endpoint of the ACS resource.
    pub endpoint: Endpoint,
    /// The credential for it.
    pub credential: AcsCredential,
    /// The version of the REST API.
    pub api_version: ApiVersion,
    /// The time one call may take, with all its attempts.
    pub deadline: Duration,
    /// The time one attempt may take.
    pub attempt_timeout: Duration,
    /// Whether logs contain whole identity ids instead of short hashes.
    pub log_identity_ids: bool,
}

/// The credential for the ACS resource.
#[derive(Debug, Clone)]
pub enum AcsCredential {
    /// One access key, or both.
    Keys(AccessKeys),
    /// Tokens from Microsoft Entra.
    Entra(TokenSource),
}

impl AcsCredential {
    /// Returns the kind of the credential.
    #[must_use]
    pub const fn kind(&self) -> CredentialKind {
        match self {
            Self::Keys(_) => CredentialKind::Key,
            Self::Entra(_) => CredentialKind::Entra,
        }
    }
}

impl AcsSettings {
    /// Creates settings with the defaults of the client.
    #[must_use]
    pub fn new(endpoint: Endpoint, credential: AcsCredential) -> Self {
        let ClientOptions { api_version, deadline, attempt_timeout, .. } = ClientOptions::default();
        Self { endpoint, credential, api_version, deadline, attempt_timeout, log_identity_ids: false }
    }

    /// Creates the client. Nothing is sent yet.
    ///
    /// # Errors
    /// See [`TlsError`].
    pub fn client(self) -> Result<IdentityClient, TlsError> {
        let http = http::client_builder_for(self.endpoint.url())?.build()?;
        let observer = AcsObserver::new(self.credential.kind(), self.log_identity_ids);
        let credential = match self.credential {
            AcsCredential::Keys(keys) => Credential::Keys(keys),
            AcsCredential::Entra(source) => {
                Credential::Token(Arc::new(EntraCredential::new(source, SCOPE, http.clone())))
            }
        };
        let options = ClientOptions {
            api_version: self.api_version,
            deadline: self.deadline,
            attempt_timeout: self.attempt_timeout,
            observer: Arc::new(observer),
            http_client: Some(http),
        };
        IdentityClient::with_options(self.endpoint, credential, options)
    }
}

impl From<ConnectionString> for AcsSettings {
    fn from(ConnectionString { endpoint, access_key }: ConnectionString) -> Self {
        Self::new(endpoint, AcsCredential::Keys(AccessKeys::new(access_key, None)))
    }
}

/// Reads the root certificates if the endpoint needs them, opens a connection to ACS and gets the first Entra token, so
/// that the first request is faster.
pub async fn warm_up(client: IdentityClient, endpoint: Endpoint) {
    // Not at the start of the program: the port would open later. Not on the thread that answers requests.
    if endpoint.url().scheme() == "https"
        && let Ok(Err(error)) = tokio::task::spawn_blocking(http::read_root_certificates).await
    {
        tracing::error!(cause = %error, "calls will fail: ACS cannot be called over https");
        return;
    }
    if let Err(error) = client.warm_up().await {
        tracing::warn!(cause = causes(&error), "calls will fail: there is no credential for ACS");
    }
}
