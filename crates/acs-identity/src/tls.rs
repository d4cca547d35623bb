//! The TLS configuration that all HTTP clients of a process share.
//!
//! Root certificates are read once: from the files of `SSL_CERT_FILE` and `SSL_CERT_DIR`, or else from the system's store.
//! <https://docs.rs/rustls-native-certs>

use std::{
    env,
    sync::{Arc, LazyLock},
};

use reqwest::ClientBuilder;
use rustls::{ClientConfig, RootCertStore, crypto::ring::default_provider};
use rustls_platform_verifier::Verifier;

/// The error of an HTTP client that cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The machine has no root certificates, so no server can be trusted.
    #[error("no root certificates were found, so https cannot be used; {0}")]
    NoRootCertificates(String),
    /// The HTTP client cannot be built for another reason.
    #[error("the HTTP client cannot be built: {}", crate::causes(.0))]
    Client(reqwest::Error),
}

impl From<reqwest::Error> for TlsError {
    fn from(error: reqwest::Error) -> Self {
        Self::Client(error)
    }
}

/// The configuration, and whether root certificates were found. Without them, it trusts no server.
static CONFIG: LazyLock<Result<(ClientConfig, bool), rustls::Error>> = LazyLock::new(|| {
    let provider = Arc::new(default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let verifier = Verifier::new(provider);
    let found = verifier.is_ok();
    let config = match verifier {
        Ok(verifier) => config.dangerous().with_custom_certificate_verifier(Arc::new(verifier)),
        Err(_) => config.with_root_certificates(RootCertStore::empty()),
    };
    let mut config = config.with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((config, found))
});

/// Adds the shared configuration. Without root certificates, the client trusts no server.
pub(crate) fn configure(builder: ClientBuilder) -> ClientBuilder {
    match &*CONFIG {
        Ok((config, _)) => builder.tls_backend_preconfigured(config.clone()),
        // reqwest refuses it with an error. Without any configuration, it would panic.
        Err(_) => builder.tls_backend_preconfigured(()),
    }
}

/// Checks whether the machine has root certificates.
///
/// # Errors
/// [`TlsError::NoRootCertificates`], with the likely cause and the remedy.
pub fn check_root_certificates() -> Result<(), TlsError> {
    match &*CONFIG {
        Ok((_, true)) => Ok(()),
        _ => Err(TlsError::NoRootCertificates(remedy(|name| env::var_os(name).is_some()))),
    }
}

fn remedy(is_set: impl Fn(&str) -> bool) -> String {
    let set: Vec<&str> = ["SSL_CERT_FILE", "SSL_CERT_DIR"].into_iter().filter(|name| is_set(name)).collect();
    if set.is_empty() {
        return "install the package ca-certificates, or set SSL_CERT_FILE to a file of certificates in PEM format"
            .into();
    }
    let set = set.join(" and ");
    format!(
        "{set} replaces the system's certificates, and no certificate in PEM format can be read from it; correct or unset it"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remedy_names_the_variables_that_replace_the_systems_certificates() {
        for (set, expected) in [
            (&[][..], "install the package ca-certificates"),
            (&["SSL_CERT_FILE"], "SSL_CERT_FILE replaces"),
            (&["SSL_CERT_DIR"], "SSL_CERT_DIR replaces"),
            (&["SSL_CERT_DIR", "SSL_CERT_FILE"], "SSL_CERT_FILE and SSL_CERT_DIR replaces"),
        ] {
            let text = remedy(|name| set.contains(&name));
            assert!(text.starts_with(expected), "{text}");
        }
    }

    // A configuration of another version of rustls would be refused here.
    #[test]
    fn the_shared_configuration_is_accepted() {
        assert!(configure(reqwest::Client::builder()).build().is_ok());
    }
}
