//! The TLS configuration that all HTTP clients of a process share.
//!
//! Root certificates come from the files of `SSL_CERT_FILE` and `SSL_CERT_DIR`, or else from the system's store.
//! <https://docs.rs/rustls-native-certs>

use std::sync::{Arc, LazyLock};

use reqwest::ClientBuilder;
use rustls::{ClientConfig, crypto::ring::default_provider};

use crate::root_certificates::{self, NoRootCertificates, SystemVerifier};

/// The error of an HTTP client that cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The machine has no root certificates, so no server can be trusted.
    #[error(transparent)]
    NoRootCertificates(#[from] NoRootCertificates),
    /// The HTTP client cannot be built for another reason.
    #[error("the HTTP client cannot be built: {}", crate::causes(.0))]
    Client(reqwest::Error),
}

impl From<reqwest::Error> for TlsError {
    fn from(error: reqwest::Error) -> Self {
        Self::Client(error)
    }
}

static VERIFIER: LazyLock<Arc<SystemVerifier>> =
    LazyLock::new(|| Arc::new(SystemVerifier(Arc::new(default_provider()))));

static CONFIG: LazyLock<Result<ClientConfig, rustls::Error>> = LazyLock::new(|| {
    let provider = Arc::clone(&VERIFIER.0);
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let config = config.dangerous().with_custom_certificate_verifier(Arc::clone(&*VERIFIER) as _);
    let mut config = config.with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
});

/// Adds the shared configuration. Without root certificates, the client trusts no server.
pub(crate) fn configure(builder: ClientBuilder) -> ClientBuilder {
    match &*CONFIG {
        Ok(config) => builder.tls_backend_preconfigured(config.clone()),
        // reqwest refuses it with an error. Without any configuration, it would panic.
        Err(_) => builder.tls_backend_preconfigured(()),
    }
}

/// Checks whether the machine has root certificates. Before they are read, checks only whether there is a file or a
/// folder to read them from.
///
/// # Errors
/// [`TlsError::NoRootCertificates`], with the likely cause and the remedy.
pub fn check_root_certificates() -> Result<(), TlsError> {
    if root_certificates::found() { Ok(()) } else { Err(NoRootCertificates::new().into()) }
}

/// Reads the root certificates, so that the first connection over https need not. Blocks the thread for milliseconds.
///
/// # Errors
/// [`TlsError::NoRootCertificates`], with the likely cause and the remedy.
pub fn read_root_certificates() -> Result<(), TlsError> {
    if VERIFIER.read() { Ok(()) } else { Err(NoRootCertificates::new().into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    // A configuration of another version of rustls would be refused here.
    #[test]
    fn the_shared_configuration_is_accepted() {
        assert!(configure(reqwest::Client::builder()).build().is_ok());
    }
}
