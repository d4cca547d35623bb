//! The system's root certificates, read once per process, when a certificate of a server is first verified or before.
//!
//! Reading and parsing them takes far more instructions than the rest of a start, and plain http does not need them.

use std::{
    env,
    sync::{Arc, OnceLock},
};

use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};

/// The error that the machine has no root certificates, with the likely cause and the remedy.
#[derive(Debug, thiserror::Error)]
#[error("no root certificates were found, so https cannot be used; {0}")]
pub struct NoRootCertificates(String);

impl NoRootCertificates {
    pub(crate) fn new() -> Self {
        Self(remedy(|name| env::var_os(name).is_some()))
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

/// The verifier with the root certificates, `None` if there are none.
static READ: OnceLock<Option<Arc<dyn ServerCertVerifier>>> = OnceLock::new();

/// Returns whether the machine has root certificates. Before they are read, returns whether there is a file or a folder
/// to read them from.
pub(crate) fn found() -> bool {
    READ.get().map_or_else(system::may_have_certificates, Option::is_some)
}

/// Verifies the certificates of servers with the system's root certificates.
#[derive(Debug)]
pub(crate) struct SystemVerifier(pub(crate) Arc<CryptoProvider>);

impl SystemVerifier {
    /// Reads the root certificates, unless they were read before. Returns whether there are any.
    pub(crate) fn read(&self) -> bool {
        self.verifier().is_some()
    }

    fn verifier(&self) -> Option<&Arc<dyn ServerCertVerifier>> {
        READ.get_or_init(|| system::verifier(Arc::clone(&self.0))).as_ref()
    }
}

impl ServerCertVerifier for SystemVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(verifier) = self.verifier() else {
            let error = OtherError(Arc::new(NoRootCertificates::new()));
            return Err(Error::InvalidCertificate(CertificateError::Other(error)));
        };
        verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Files and folders of certificates in PEM format.
#[cfg(all(unix, not(target_vendor = "apple")))]
mod system {
    use std::{
        env,
        path::{Path, PathBuf},
        sync::Arc,
    };

    use rustls::{
        RootCertStore,
        client::{WebPkiServerVerifier, danger::ServerCertVerifier},
        crypto::CryptoProvider,
        pki_types::CertificateDer,
    };
    use rustls_native_certs::{load_certs_from_paths, load_native_certs};

    /// Returns the file and the folders of `SSL_CERT_FILE` and `SSL_CERT_DIR`, `None` if neither is set.
    fn replaced() -> Option<(Option<PathBuf>, Vec<PathBuf>)> {
        let file = env::var_os("SSL_CERT_FILE").map(PathBuf::from);
        let folders = env::var_os("SSL_CERT_DIR").unwrap_or_default();
        let folders: Vec<_> = env::split_paths(&folders).filter(|path| !path.as_os_str().is_empty()).collect();
        (file.is_some() || !folders.is_empty()).then_some((file, folders))
    }

    /// Returns the file and the folders of this system.
    fn installed() -> (Option<PathBuf>, Vec<PathBuf>) {
        let found = openssl_probe::probe();
        (found.cert_file, found.cert_dir)
    }

    pub(super) fn may_have_certificates() -> bool {
        let (file, folders) = replaced().unwrap_or_else(installed);
        file.iter().chain(&folders).any(|path| path.exists())
    }

    pub(super) fn verifier(provider: Arc<CryptoProvider>) -> Option<Arc<dyn ServerCertVerifier>> {
        let certificates = match replaced() {
            Some(_) => load_native_certs().certs,
            None => read(installed()),
        };
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(certificates);
        // The builder fails without root certificates.
        let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), provider).build();
        verifier.ok().map(|verifier| verifier as Arc<dyn ServerCertVerifier>)
    }

    /// Reads the file, or the folders if it has no certificates: the folders have a file for each of the same certificates.
    pub(super) fn read((file, folders): (Option<PathBuf>, Vec<PathBuf>)) -> Vec<CertificateDer<'static>> {
        let read = |file: Option<&Path>, folder: Option<&Path>| load_certs_from_paths(file, folder).certs;
        let certificates = read(file.as_deref(), None);
        if certificates.is_empty() {
            folders.iter().flat_map(|folder| read(None, Some(folder))).collect()
        } else {
            certificates
        }
    }
}

/// The verifier of the operating system.
#[cfg(not(all(unix, not(target_vendor = "apple"))))]
mod system {
    use std::sync::Arc;

    use rustls::{client::danger::ServerCertVerifier, crypto::CryptoProvider};
    use rustls_platform_verifier::Verifier;

    pub(super) fn may_have_certificates() -> bool {
        true
    }

    pub(super) fn verifier(provider: Arc<CryptoProvider>) -> Option<Arc<dyn ServerCertVerifier>> {
        Verifier::new(provider).ok().map(|verifier| Arc::new(verifier) as Arc<dyn ServerCertVerifier>)
    }
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
}

#[cfg(all(test, unix, not(target_vendor = "apple")))]
mod reading {
    use std::fs;

    use super::system::read;

    fn pem(content: &str) -> String {
        format!("-----BEGIN CERTIFICATE-----\n{content}\n-----END CERTIFICATE-----\n")
    }

    #[test]
    fn folders_are_read_only_if_the_file_has_no_certificates() {
        let parent = tempfile::tempdir().unwrap();
        let [file, empty, folder] = ["bundle.pem", "empty.pem", "certs"].map(|name| parent.path().join(name));
        fs::create_dir(&folder).unwrap();
        fs::write(&file, pem("AAAA") + &pem("BBBB")).unwrap();
        fs::write(&empty, "no certificates").unwrap();
        fs::write(folder.join("one.pem"), pem("CCCC")).unwrap();
        let missing = parent.path().join("missing.pem");
        for (file, expected) in [(Some(file), 2), (Some(empty), 1), (Some(missing), 1), (None, 1)] {
            assert_eq!(read((file.clone(), vec![folder.clone()])).len(), expected, "{file:?}");
        }
    }
}
