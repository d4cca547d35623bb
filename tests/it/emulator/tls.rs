//! https: certificates that clients can trust, and the same emulator behind them.

use std::{fs, io, sync::Arc};

use acs_tokens::emulator::{Certificate, DEVELOPMENT_KEY, Emulator, Options, connection_string};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;

use super::{Answer, CREATE, Request, Server};

/// An emulator behind https, and a client that trusts its certificate.
pub(super) struct TlsServer {
    pub(super) server: Server,
    client: TlsConnector,
}

impl TlsServer {
    pub(super) async fn start(certificate: Certificate) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(certificate.path()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { Emulator::new(Options::default()).serve_https(listener, &certificate).await });
        Self { server: Server { address }, client: TlsConnector::from(Arc::new(config)) }
    }

    /// Starts an emulator with a generated certificate.
    pub(super) async fn generated() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::start(Certificate::self_signed(&folder.path().join("emulator.pem"), &[]).unwrap()).await
    }

    pub(super) async fn send(&self, name: &str, request: &Request) -> io::Result<Answer> {
        let stream = TcpStream::connect(self.server.address).await?;
        let name = ServerName::try_from(name.to_owned()).unwrap();
        request.send_on(self.client.connect(name, stream).await?).await
    }
}

#[tokio::test]
async fn the_generated_certificate_is_valid_for_all_names_of_this_machine() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("emulator.pem");
    fs::write(&file, "of an earlier start").unwrap();
    let certificate = Certificate::self_signed(&file, &[]).unwrap();
    assert_eq!(certificate.path(), file);
    let pem = fs::read_to_string(&file).unwrap();
    assert!(pem.starts_with("-----BEGIN CERTIFICATE-----") && !pem.contains("PRIVATE"));
    let tls = TlsServer::start(certificate).await;
    let request = tls.server.request("POST", CREATE, "{}");
    for name in ["localhost", "127.0.0.1", "::1"] {
        let answer = tls.send(name, &request).await.unwrap();
        assert_eq!(answer.status, 201, "{name}");
        // With a trusted certificate, the header would disable http on every port of localhost.
        assert_eq!(answer.header("strict-transport-security"), None);
    }
    assert!(tls.send("example.com", &request).await.is_err());
    // A client that cannot read the file of a container asks for it.
    let mut request = tls.server.request("GET", "/certificate.pem", "");
    request.remove("Authorization");
    let answer = tls.send("localhost", &request).await.unwrap();
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/x-pem-file")));
    assert_eq!(answer.body, pem);
}

#[tokio::test]
async fn a_certificate_is_read_from_files() {
    let folder = tempfile::tempdir().unwrap();
    let [cert, key, missing] = ["cert.pem", "key.pem", "missing.pem"].map(|name| folder.path().join(name));
    let generated = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    fs::write(&cert, generated.cert.pem()).unwrap();
    fs::write(&key, generated.signing_key.serialize_pem()).unwrap();
    let tls = TlsServer::start(Certificate::from_files(&cert, &key).unwrap()).await;
    let request = tls.server.request("POST", CREATE, "{}");
    assert_eq!(tls.send("localhost", &request).await.unwrap().status, 201);

    let error = Certificate::from_files(&key, &key).unwrap_err();
    assert_eq!(error.to_string(), format!("{}: the file contains no certificate", key.display()));
    assert!(Certificate::from_files(&missing, &key).is_err());
}

#[tokio::test]
async fn a_fault_resets_the_connection_below_tls() {
    let tls = TlsServer::generated().await;
    let order = tls.server.control_request("POST", "faults", &json!({"reset": true}));
    assert_eq!(tls.send("localhost", &order).await.unwrap().status, 204);
    let error = tls.send("localhost", &tls.server.request("POST", CREATE, "{}")).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

#[test]
fn connection_strings_have_two_fields() {
    assert_eq!(
        connection_string("https", "127.0.0.1:7073".parse().unwrap()),
        "endpoint=https://127.0.0.1:7073/;accesskey=YWNzLXRva2VucyBlbXVsYXRvcjogYSBwdWJsaXNoZWQgZGV2ZWxvcG1lbnQga2V5LCBub3QgYSBzZWNyZXQhIQ=="
    );
    let expected = format!("endpoint=http://[::1]:7072/;accesskey={DEVELOPMENT_KEY}");
    assert_eq!(connection_string("http", "[::1]:7072".parse().unwrap()), expected);
}
