//! Failed connections over TLS: each reason has its own likely cause and remedy, and http needs no certificates.

use std::{sync::Arc, time::Duration};

use acs_identity::{
    ClientOptions, Error, IdentityClient,
    http::{ConnectFailure, client_builder},
    signature::AccessKey,
};
use acs_tokens::remedy::{CredentialKind, remedy};
use rcgen::{CertificateParams, KeyPair};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::ring::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};
use serde_json::Value;
use tokio::{io::AsyncReadExt as _, net::TcpListener, process::Command};
use tokio_rustls::TlsAcceptor;

use crate::{
    harness::{self, Api},
    keyless::Fixture,
    process::{Running, cli, free_port, handler, in_time, ready, run},
};

const RESOURCE: &str = "COMMUNICATION_SERVICES_CONNECTION_STRING";
const NO_STORE: [(&str, &str); 3] =
    [("SSL_CERT_FILE", "/nowhere/ca.pem"), ("SSL_CERT_FILE", ""), ("SSL_CERT_DIR", "/nowhere")];

/// Starts a server with a certificate of its own, and returns its port and the certificate.
async fn server(change: impl FnOnce(&mut CertificateParams)) -> (u16, CertificateDer<'static>) {
    let mut parameters = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    change(&mut parameters);
    let key = KeyPair::generate().unwrap();
    let certificate = parameters.self_signed(&key).unwrap();
    let trusted = certificate.der().clone();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config =
        ServerConfig::builder_with_provider(Arc::new(default_provider())).with_safe_default_protocol_versions();
    let config = config.unwrap().with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            // The handshake fails.
            let _ = acceptor.accept(stream).await;
        }
    });
    (port, trusted)
}

/// Returns the configuration of a client that trusts these certificates.
fn trusting(certificates: Vec<CertificateDer<'_>>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates);
    let config =
        ClientConfig::builder_with_provider(Arc::new(default_provider())).with_safe_default_protocol_versions();
    config.unwrap().with_root_certificates(roots).with_no_client_auth()
}

/// Calls a server that cannot be connected to. Returns the reason and the texts of the remedy.
async fn connect(url: &str, trusted: Vec<CertificateDer<'_>>) -> (ConnectFailure, String, String) {
    let http = reqwest::Client::builder().no_proxy().connect_timeout(Duration::from_secs(2));
    let http = http.tls_backend_preconfigured(trusting(trusted)).build().unwrap();
    let options = ClientOptions { http_client: Some(http), ..ClientOptions::default() };
    let key = AccessKey::from_base64("d3Jvbmcgd3Jvbmc=").unwrap();
    let client = IdentityClient::with_options(url.parse().unwrap(), key, options).unwrap();
    let error = in_time("the client", client.verify_credential()).await.unwrap_err();
    let remedy = remedy(&error, CredentialKind::Key).unwrap();
    let Error::Connect(error) = error else { panic!("{error:?}") };
    (ConnectFailure::of(&error), remedy.likely_cause.into_owned(), remedy.remedy.into_owned())
}

#[tokio::test]
async fn each_reason_of_a_failed_connection_has_its_own_remedy() {
    let (untrusted, _) = server(|_| ()).await;
    let (_, other) = server(|_| ()).await;
    let (named, for_other_name) = server(|parameters| {
        parameters.subject_alt_names = vec![rcgen::SanType::DnsName("other.example".try_into().unwrap())];
    })
    .await;
    let (old, expired) = server(|parameters| {
        parameters.not_before = rcgen::date_time_ymd(2020, 1, 1);
        parameters.not_after = rcgen::date_time_ymd(2021, 1, 1);
    })
    .await;
    let (new, not_yet_valid) = server(|parameters| parameters.not_before = rcgen::date_time_ymd(2999, 1, 1)).await;
    let (plain, _) = harness::emulator().await;
    let plain = plain.replace("http://", "https://");
    let url = |port: u16| format!("https://localhost:{port}");
    let mut remedies = Vec::new();
    for (url, trusted, failure, cause, todo) in [
        // RFC 6761 section 6.4: this name never resolves.
        ("https://acs-tokens.invalid".to_owned(), vec![], ConnectFailure::UnknownName, "does not resolve", "DNS"),
        (url(free_port().await.port()), vec![], ConnectFailure::Refused, "no server listens", "outbound network"),
        (url(untrusted), vec![], ConnectFailure::UntrustedCertificate, "does not trust", "SSL_CERT_FILE"),
        (url(untrusted), vec![other], ConnectFailure::UntrustedCertificate, "does not trust", "SSL_CERT_FILE"),
        (url(named), vec![for_other_name], ConnectFailure::CertificateForOtherName, "another name", "DNS and proxy"),
        (url(old), vec![expired], ConnectFailure::CertificateNotCurrent, "has expired", "NTP"),
        (url(new), vec![not_yet_valid], ConnectFailure::CertificateNotCurrent, "not valid yet", "NTP"),
        (plain, vec![], ConnectFailure::Tls, "does not speak TLS", "compare the endpoint"),
    ] {
        let (found, likely_cause, remedy) = connect(&url, trusted).await;
        assert_eq!(found, failure, "{url}");
        assert!(likely_cause.contains(cause) && remedy.contains(todo), "{failure:?}: {likely_cause}; {remedy}");
        remedies.push((failure, likely_cause));
    }
    for (failure, cause) in &remedies {
        assert!(remedies.iter().all(|(other, text)| (text == cause) == (other == failure)), "{cause}");
    }
}

#[tokio::test]
async fn a_server_that_does_not_complete_the_handshake_times_out() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move { stream.read_to_end(&mut Vec::new()).await });
        }
    });
    let (failure, likely_cause, _) = connect(&url, Vec::new()).await;
    assert_eq!(failure, ConnectFailure::TimedOut);
    assert!(likely_cause.contains("drops the packets"), "{likely_cause}");
}

#[tokio::test]
async fn an_untrusted_certificate_is_told_from_an_unknown_name() {
    let fixture = Fixture::start().await;
    let other = Fixture::start().await;
    let settings = connection_string(&fixture.secure);
    for (folder, trusted) in [(&fixture, true), (&other, false)] {
        let certificate = folder.folder.path().join("ca.pem");
        let environment = [(RESOURCE, &*settings), ("SSL_CERT_FILE", certificate.to_str().unwrap())];
        let (code, report, _) = run(cli(&["check"], &environment)).await;
        assert_eq!(code, 1, "{report}");
        assert_eq!(report.contains("does not trust the certificate"), !trusted, "{report}");
        assert!(!report.contains("does not resolve"), "{report}");
    }
    // The machine of the test may have no certificates.
    let (code, report, _) = run(cli(&["check"], &[(RESOURCE, &*settings)])).await;
    let expected = ["does not trust the certificate", "no root certificates were found"];
    assert!(code == 1 && expected.iter().any(|text| report.contains(text)), "{report}");
}

/// Returns a connection string with a key that the emulator does not have.
fn connection_string(endpoint: &str) -> String {
    format!("endpoint={endpoint}/;accesskey=d3Jvbmcgd3Jvbmc=")
}

#[tokio::test]
async fn missing_root_certificates_are_named_where_https_is_needed() {
    let connection_string = connection_string("https://contoso.communication.azure.com");
    for (name, value) in NO_STORE {
        let environment = [(RESOURCE, &*connection_string), (name, value), ("ALLOW_ANONYMOUS", "true")];
        let expected =
            format!("no root certificates were found, so https cannot be used; {name} replaces the system's");
        for arguments in [&["serve", "--port", "0"][..], &["check"], &["quickstart"]] {
            let (code, stdout, stderr) = run(cli(arguments, &environment)).await;
            assert_eq!(code, 1, "{stdout}{stderr}");
            let shown = stdout + &stderr;
            assert!(shown.contains(&expected), "{arguments:?} {name}={value}: {shown}");
        }
        let port = ("FUNCTIONS_CUSTOMHANDLER_PORT", "1");
        let (code, log, _) = run(handler(&[&environment[..], &[port]].concat())).await;
        assert!(code == 1 && log.contains("cannot start") && log.contains(&expected), "{log}");
    }
}

#[tokio::test]
async fn missing_root_certificates_are_named_for_issuers_and_the_store_too() {
    let acs = harness::emulator().await.1;
    let common = [(RESOURCE, &*acs), ("SSL_CERT_FILE", "/nowhere/ca.pem"), ("ALLOW_ANONYMOUS", "true")];
    let issuer = [("OIDC_ISSUERS", "https://issuer.example"), ("OIDC_AUDIENCES", "app")];
    let store = [
        ("USER_DIRECTORY", "https://contoso.blob.core.windows.net/users"),
        ("USER_DIRECTORY_KEY", "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="),
    ];
    for more in [issuer, store] {
        let (code, stdout, stderr) = run(cli(&["serve", "--port", "0"], &[&common[..], &more].concat())).await;
        let shown = stdout + &stderr;
        assert!(code == 1 && shown.contains("no root certificates were found"), "{more:?}: {shown}");
    }
}

#[tokio::test]
async fn programs_start_without_root_certificates_where_https_is_not_needed() {
    let api = Api::direct().await;
    let connection_string = api.connection_string();
    let folder = tempfile::tempdir().unwrap();
    let directory = format!("file://{}", folder.path().to_str().unwrap());
    for (name, value) in NO_STORE {
        let acs = [(RESOURCE, &*connection_string), (name, value)];
        let (code, stdout, stderr) = run(cli(&["check"], &acs)).await;
        assert_eq!((code, &*stderr), (0, ""), "{stdout}");
        let (code, _, stderr) = run(cli(&["quickstart"], &[(name, value)])).await;
        assert_eq!(code, 0, "{stderr}");
        let key = ("USER_DIRECTORY_KEY", "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=");
        let environment = [acs[0], acs[1], ("USER_DIRECTORY", &*directory), key];
        let (code, _, stderr) = run(cli(&["directory", "export"], &environment)).await;
        assert_eq!(code, 0, "{stderr}");

        let port = free_port().await;
        let text = port.port().to_string();
        let _running = Running::start(handler(&[acs[0], acs[1], ("FUNCTIONS_CUSTOMHANDLER_PORT", &text)]));
        assert_eq!(ready(&format!("http://{port}/api/health?ready")).await.status(), 200);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn port_answers_before_root_certificates_are_read() {
    let (acs, _) = server(|_| ()).await;
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("ca.pem");
    let fifo = fifo.to_str().unwrap();
    // Reading it does not end before it is written.
    assert!(Command::new("mkfifo").arg(fifo).status().await.unwrap().success());
    let (address, connection_string) = (free_port().await, connection_string(&format!("https://localhost:{acs}")));
    let port = address.port().to_string();
    let environment =
        [(RESOURCE, &*connection_string), ("SSL_CERT_FILE", fifo), ("FUNCTIONS_CUSTOMHANDLER_PORT", &port)];
    let mut running = Running::start(handler(&environment));
    assert_eq!(ready(&format!("http://{address}/api/health")).await.status(), 200);

    let write = ["-c", "echo no certificates > \"$0\"", fifo];
    let mut write = Command::new("sh").args(write).kill_on_drop(true).spawn().unwrap();
    assert!(in_time("the reader", write.wait()).await.unwrap().success());
    let log = running.until(|line| line.contains("ERROR")).await;
    let expected = "no root certificates were found, so https cannot be used; SSL_CERT_FILE replaces the system's";
    assert!(log.last().unwrap().contains(expected), "{log:#?}");
    let http = client_builder().build().unwrap();
    let create = http.post(format!("http://{address}/api/identities")).header("content-type", "application/json");
    let answer = in_time("the answer", create.body("{}").send()).await.unwrap();
    assert_eq!(answer.status(), 502);
    let problem: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    assert_eq!(problem["code"], "misconfigured");
    let log = running.until(|line| line.contains("ERROR")).await;
    assert!(log.last().unwrap().contains(expected), "{log:#?}");
}

#[tokio::test]
async fn a_file_without_certificates_is_named() {
    let (acs, _) = server(|_| ()).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, "no certificates").unwrap();
    let connection_string = connection_string(&format!("https://localhost:{acs}"));
    let environment = [(RESOURCE, &*connection_string), ("SSL_CERT_FILE", file.to_str().unwrap())];
    for command in ["check", "quickstart"] {
        let (code, stdout, stderr) = run(cli(&[command], &environment)).await;
        let shown = stdout + &stderr;
        assert!(code == 1 && shown.contains("no root certificates were found"), "{command}: {shown}");
    }
}
