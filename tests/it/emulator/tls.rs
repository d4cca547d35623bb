//! https: certificates that clients can trust, and the same emulator behind them.

use std::{io, path::PathBuf, sync::Arc};

use acs_tokens::emulator::{Certificate, DEVELOPMENT_KEY, Emulator, Options, connection_string};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsConnector;

use super::{Answer, Bench, Call, STABLE};

/// A file of a test's own, gone with it.
pub(super) struct Scratch(pub(super) PathBuf);

impl Scratch {
    pub(super) fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("acs-tokens-{}-{name}", uuid::Uuid::new_v4())))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).ok();
    }
}

pub(super) async fn serve(certificate: Certificate) -> Bench {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let emulator = Emulator::new(Options::default());
    tokio::spawn(async move { emulator.serve_https(listener, &certificate).await });
    Bench { address }
}

pub(super) async fn send(bench: &Bench, trusted: &Certificate, name: &str, call: &Call) -> io::Result<Answer> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(trusted.path()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(bench.address).await?;
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    stream.write_all(call.bytes().as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Answer::parse(&answer)
}

#[tokio::test]
async fn the_written_certificate_is_trusted_for_every_name_of_this_machine() {
    let file = Scratch::new("emulator.pem");
    std::fs::write(&file.0, "the last start's").unwrap();
    let certificate = Certificate::self_signed(&file.0).unwrap();
    assert_eq!(certificate.path(), file.0);
    let pem = std::fs::read_to_string(&file.0).unwrap();
    assert!(pem.starts_with("-----BEGIN CERTIFICATE-----") && !pem.contains("PRIVATE"));
    let bench = serve(certificate.clone()).await;
    let call = bench.call("POST", &format!("/identities?{STABLE}"), "{}");
    for name in ["localhost", "127.0.0.1", "::1"] {
        let answer = send(&bench, &certificate, name, &call).await.unwrap();
        assert_eq!(answer.status, 201, "{name}");
        // With a trusted certificate it would bind every port of localhost to https.
        assert_eq!(answer.header("strict-transport-security"), None);
    }
    assert!(send(&bench, &certificate, "example.com", &call).await.is_err());
}

#[tokio::test]
async fn a_certificate_of_ones_own_is_served() {
    let (cert_file, key_file) = (Scratch::new("cert.pem"), Scratch::new("key.pem"));
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(&cert_file.0, made.cert.pem()).unwrap();
    std::fs::write(&key_file.0, made.signing_key.serialize_pem()).unwrap();
    let certificate = Certificate::from_files(&cert_file.0, &key_file.0).unwrap();
    let bench = serve(certificate.clone()).await;
    let call = bench.call("POST", &format!("/identities?{STABLE}"), "{}");
    assert_eq!(send(&bench, &certificate, "localhost", &call).await.unwrap().status, 201);

    let error = Certificate::from_files(&key_file.0, &key_file.0).unwrap_err();
    assert_eq!(error.to_string(), format!("{}: no certificate in it", key_file.0.display()));
    let missing = Scratch::new("missing.pem");
    assert!(Certificate::from_files(&missing.0, &key_file.0).is_err());
}

#[tokio::test]
async fn a_reset_reaches_through_tls() {
    let file = Scratch::new("reset.pem");
    let certificate = Certificate::self_signed(&file.0).unwrap();
    let bench = serve(certificate.clone()).await;
    let mut order = bench.call("POST", "/_emulator/faults", &json!({"reset": true}).to_string());
    order.remove("Authorization");
    assert_eq!(send(&bench, &certificate, "localhost", &order).await.unwrap().status, 204);
    let call = bench.call("POST", &format!("/identities?{STABLE}"), "{}");
    let error = send(&bench, &certificate, "localhost", &call).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

#[test]
fn a_connection_string_is_what_every_sdk_reads() {
    let address = "127.0.0.1:7073".parse().unwrap();
    assert_eq!(
        connection_string("https", address),
        "endpoint=https://127.0.0.1:7073/;accesskey=YWNzLXRva2VucyBlbXVsYXRvcjogYSBwdWJsaXNoZWQgZGV2ZWxvcG1lbnQga2V5LCBub3QgYSBzZWNyZXQhIQ=="
    );
    assert!(
        connection_string("http", "[::1]:7072".parse().unwrap()).starts_with("endpoint=http://[::1]:7072/;accesskey=")
    );
    assert_eq!(DEVELOPMENT_KEY.len(), 88);
}
