//! Classifies the errors of connections.

use std::{
    error::Error,
    io::{self, ErrorKind},
};

use rustls::CertificateError;

use crate::{error::chain, root_certificates::NoRootCertificates};

/// The reason why a connection failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectFailure {
    /// The name of the server does not resolve.
    UnknownName,
    /// The server refused the connection.
    Refused,
    /// The server did not accept the connection in time.
    TimedOut,
    /// This machine has no root certificates.
    NoRootCertificates,
    /// The certificate of the server has no issuer that this machine trusts.
    UntrustedCertificate,
    /// The certificate of the server is for another name.
    CertificateForOtherName,
    /// The certificate of the server has expired, or is not valid yet.
    CertificateNotCurrent,
    /// TLS failed for another reason, for example because the server does not speak TLS.
    Tls,
    /// Any other reason.
    Other,
}

impl ConnectFailure {
    /// Returns the reason of an error of a connection.
    #[must_use]
    pub fn of(error: &(dyn Error + 'static)) -> Self {
        chain(error).find_map(reason).unwrap_or(Self::Other)
    }
}

fn reason(error: &(dyn Error + 'static)) -> Option<ConnectFailure> {
    if let Some(error) = error.downcast_ref::<reqwest::Error>() {
        return match (error.is_dns(), error.is_timeout()) {
            (true, _) => Some(ConnectFailure::UnknownName),
            (_, true) => Some(ConnectFailure::TimedOut),
            _ => None,
        };
    }
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return Some(tls(error));
    }
    let error = error.downcast_ref::<io::Error>()?;
    // The source of an I/O error is the source of the error that it wraps.
    match (error.get_ref(), error.kind()) {
        (Some(wrapped), _) => reason(wrapped),
        (None, ErrorKind::ConnectionRefused) => Some(ConnectFailure::Refused),
        (None, ErrorKind::TimedOut) => Some(ConnectFailure::TimedOut),
        _ => None,
    }
}

fn tls(error: &rustls::Error) -> ConnectFailure {
    let rustls::Error::InvalidCertificate(error) = error else { return ConnectFailure::Tls };
    match error {
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            ConnectFailure::CertificateForOtherName
        }
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => ConnectFailure::CertificateNotCurrent,
        CertificateError::Other(error) if error.0.is::<NoRootCertificates>() => ConnectFailure::NoRootCertificates,
        // Bad signature: another certificate of the same issuer's name is trusted. Other: a certificate authority's own
        // certificate is the server's. Purpose: the certificate is not one for servers.
        CertificateError::UnknownIssuer
        | CertificateError::BadSignature
        | CertificateError::InvalidPurpose
        | CertificateError::InvalidPurposeContext { .. }
        | CertificateError::Other(_) => ConnectFailure::UntrustedCertificate,
        _ => ConnectFailure::Tls,
    }
}
