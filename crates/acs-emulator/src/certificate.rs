//! The certificate for https: one's own, or one made for this machine at every start.

use std::{
    fmt,
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use jiff::{ToSpan as _, civil::Date};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use tokio_rustls::TlsAcceptor;

/// A certificate with its key, and the file that clients have to trust.
#[derive(Clone)]
pub struct Certificate {
    path: PathBuf,
    config: Arc<ServerConfig>,
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Certificate {
    /// Makes a certificate for `localhost`, 127.0.0.1 and `::1`, good for a year, and writes to `path` what clients
    /// have to trust (PEM), for `NODE_EXTRA_CA_CERTS`, `connection_verify` and the like.
    ///
    /// What is written is the certificate of an authority that signs this one certificate and whose key is then thrown
    /// away; so whoever trusts the file trusts nothing else. No private key touches the disk.
    ///
    /// # Errors
    /// The file cannot be written, or one that is there not replaced.
    pub fn self_signed(path: &Path) -> io::Result<Self> {
        let (authority, leaf, key) = made_for_this_machine().map_err(io::Error::other)?;
        // A new file always: in a shared temporary folder another user could have put one, or a link, in its place.
        std::fs::remove_file(path).or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => Ok(()),
            _ => Err(error),
        })?;
        std::fs::File::create_new(path)?.write_all(authority.as_bytes())?;
        Self::new(path, vec![leaf], key)
    }

    /// Reads a certificate chain and its private key, both PEM.
    ///
    /// # Errors
    /// A file cannot be read or holds something else, or the key is not the certificate's.
    pub fn from_files(certificate: &Path, key: &Path) -> io::Result<Self> {
        let wrong = |path: &Path, error: &dyn fmt::Display| {
            io::Error::new(io::ErrorKind::InvalidData, format!("{}: {error}", path.display()))
        };
        let chain = CertificateDer::pem_file_iter(certificate)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| wrong(certificate, &error))?;
        if chain.is_empty() {
            return Err(wrong(certificate, &"no certificate in it"));
        }
        let private = PrivateKeyDer::from_pem_file(key).map_err(|error| wrong(key, &error))?;
        Self::new(certificate, chain, private)
    }

    fn new(path: &Path, chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> io::Result<Self> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { path: path.to_owned(), config: Arc::new(config) })
    }

    /// The file that clients have to trust.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }
}

type Made = (String, CertificateDer<'static>, PrivateKeyDer<'static>);

/// The authority's certificate as PEM, the certificate it signed, and that one's key.
fn made_for_this_machine() -> Result<Made, rcgen::Error> {
    let mut params = params("acs-tokens emulator, a throwaway authority", Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let key = KeyPair::generate()?;
    let authority = params.self_signed(&key)?.pem();
    let issuer = Issuer::new(params, key);

    let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
    let mut params = self::params("localhost", names)?;
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate()?;
    let leaf = params.signed_by(&key, &issuer)?;
    let private = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    Ok((authority, leaf.der().clone(), private))
}

/// Good from yesterday, for clocks that are behind, and for a year: Apple's systems refuse what lives longer.
fn params(name: &str, alternative_names: Vec<String>) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(alternative_names)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    let today = jiff::tz::Offset::UTC.to_datetime(jiff::Timestamp::now()).date();
    let yesterday = today.yesterday().unwrap_or(today);
    let part = |value: i8| u8::try_from(value).unwrap_or(1);
    let at = |date: Date| rcgen::date_time_ymd(date.year().into(), part(date.month()), part(date.day()));
    params.not_before = at(yesterday);
    params.not_after = at(yesterday.saturating_add(365.days()));
    Ok(params)
}
