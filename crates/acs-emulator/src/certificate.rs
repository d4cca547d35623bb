//! The certificate for https: from files, or generated for this machine.

use std::{
    fmt,
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use tokio_rustls::TlsAcceptor;

/// A certificate with its private key, and the file that clients must trust.
#[derive(Clone)]
pub struct Certificate {
    path: PathBuf,
    /// The certificate that clients must trust, in PEM.
    pem: Bytes,
    config: Arc<ServerConfig>,
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Certificate {
    /// Generates a certificate for `localhost`, 127.0.0.1, `::1` and these names and addresses that is valid for a year.
    /// Writes the certificate of its authority to `path` in PEM, for `NODE_EXTRA_CA_CERTS`, `connection_verify` and
    /// similar options of clients.
    ///
    /// The key of the authority is discarded, so a client that trusts the file trusts only this certificate. No private
    /// key is written.
    ///
    /// # Errors
    /// Any error of writing or replacing the file, or a name that no certificate can have.
    pub fn self_signed(path: &Path, names: &[String]) -> io::Result<Self> {
        let (authority, leaf, key) = generate(names).map_err(io::Error::other)?;
        // Always creates a new file: in a shared temporary folder, another user may have put a file or a link there.
        std::fs::remove_file(path).or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => Ok(()),
            _ => Err(error),
        })?;
        std::fs::File::create_new(path)?.write_all(authority.as_bytes())?;
        Self::new(path, authority, vec![leaf], key)
    }

    /// Reads a certificate chain and its private key from PEM files.
    ///
    /// # Errors
    /// Any error of reading the files. [`io::ErrorKind::InvalidData`] if one has another content, or if the key does
    /// not belong to the certificate.
    pub fn from_files(certificate: &Path, key: &Path) -> io::Result<Self> {
        let wrong = |path: &Path, error: &dyn fmt::Display| {
            io::Error::new(io::ErrorKind::InvalidData, format!("{}: {error}", path.display()))
        };
        let chain = CertificateDer::pem_file_iter(certificate)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| wrong(certificate, &error))?;
        if chain.is_empty() {
            return Err(wrong(certificate, &"the file contains no certificate"));
        }
        let private = PrivateKeyDer::from_pem_file(key).map_err(|error| wrong(key, &error))?;
        Self::new(certificate, std::fs::read(certificate)?, chain, private)
    }

    fn new(
        path: &Path,
        pem: impl Into<Bytes>,
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> io::Result<Self> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { path: path.to_owned(), pem: pem.into(), config: Arc::new(config) })
    }

    /// Returns the file that clients must trust.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the content of that file.
    pub(crate) fn pem(&self) -> Bytes {
        self.pem.clone()
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }
}

type Generated = (String, CertificateDer<'static>, PrivateKeyDer<'static>);

/// Returns the certificate of a new authority in PEM, a certificate that it signed, and the key of the latter.
fn generate(names: &[String]) -> Result<Generated, rcgen::Error> {
    let mut params = params("acs-tokens emulator, temporary authority", Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let key = KeyPair::generate()?;
    let authority = params.self_signed(&key)?.pem();
    let issuer = Issuer::new(params, key);

    let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into_iter().chain(names.iter().cloned());
    let mut params = self::params("localhost", names.collect())?;
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate()?;
    let leaf = params.signed_by(&key, &issuer)?;
    let private = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    Ok((authority, leaf.der().clone(), private))
}

/// Returns parameters for a year from yesterday. Clocks may be behind, and Apple's systems reject longer lifetimes.
fn params(name: &str, alternative_names: Vec<String>) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(alternative_names)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    let day = Duration::from_secs(24 * 60 * 60);
    params.not_before = (SystemTime::now() - day).into();
    params.not_after = (SystemTime::now() + 364 * day).into();
    Ok(params)
}
