//! The service without any key: Azure Blob Storage and ACS under their real host names, both with a managed identity.
//!
//! Linux only, where `SSL_CERT_FILE` makes a program trust a certificate.

use std::{path::PathBuf, sync::Arc};

use acs_tokens::emulator::{Certificate, DEVELOPMENT_IDENTITY_HEADER, Emulator, Options, identity_endpoint};
use futures_util::future::join_all;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
};

use super::{
    concurrency::CALLS,
    fixture::{ALICE, Fixture},
    service::{DELETE, Service},
    store::{TestStore, environment},
};

/// Azurite over https with bearer tokens: `127.0.0.1:<port>`.
pub(super) const AZURITE: &str = "ACS_TOKENS_TEST_KEYLESS";

/// A folder with `certificate.pem`, for both host names, and `key.pem`.
pub(super) const CERTIFICATE: &str = "ACS_TOKENS_TEST_CERTIFICATE";

pub(super) const STORAGE: &str = "devstoreaccount1.blob.core.windows.net";
pub(super) const ACS: &str = "contoso.communication.azure.com";

/// Starts an HTTP proxy that connects host names to addresses.
pub(super) async fn proxy(hosts: [(&'static str, String); 2]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(connect(stream, hosts.clone()));
        }
    });
    url
}

async fn connect(mut client: TcpStream, hosts: [(&str, String); 2]) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let (_, address) = hosts.iter().find(|(host, _)| head.starts_with(&format!("CONNECT {host}:443 ")))?;
    let mut server = TcpStream::connect(address).await.ok()?;
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.ok()?;
    copy_bidirectional(&mut client, &mut server).await.ok()?;
    Some(())
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_first_calls_with_managed_identity_leave_one_identity() {
    let Some((azurite, certificate)) = environment(AZURITE).zip(environment(CERTIFICATE)) else { return };
    let path = |name| PathBuf::from(&certificate).join(name).into_os_string().into_string().unwrap();
    let (trusted, key) = (path("certificate.pem"), path("key.pem"));
    let certificate = Certificate::from_files(trusted.as_ref(), key.as_ref()).unwrap();

    let [plain, secure] =
        [TcpListener::bind("127.0.0.1:0").await.unwrap(), TcpListener::bind("127.0.0.1:0").await.unwrap()];
    let (http, https) = (plain.local_addr().unwrap(), secure.local_addr().unwrap());
    let emulator = Emulator::new(Options::default());
    let same = emulator.clone();
    tokio::spawn(async move { same.serve_http(plain).await });
    tokio::spawn(async move { emulator.serve_https(secure, &certificate).await });

    let fixture = Fixture::new(Arc::new(TestStore::azure(STORAGE)), format!("http://{http}")).await;
    let proxy = proxy([(STORAGE, azurite), (ACS, https.to_string())]).await;
    let settings = [
        ("COMMUNICATION_SERVICES_ENDPOINT", &*format!("https://{ACS}")),
        ("IDENTITY_ENDPOINT", &*identity_endpoint("http", http)),
        ("IDENTITY_HEADER", DEVELOPMENT_IDENTITY_HEADER),
        ("SSL_CERT_FILE", &*trusted),
        ("HTTPS_PROXY", &*proxy),
    ];
    let services = [Service::start(&fixture, &settings).await, Service::start(&fixture, &settings).await];
    let authorization = fixture.sign_in(ALICE).await;
    let tokens = join_all((0..CALLS).map(|number| services[number % 2].token(&authorization))).await;

    let only = fixture.only_identity().await;
    for issued in tokens {
        assert_eq!(issued.0, only);
        fixture.assert_token(&issued).await;
    }
    let state = fixture.control("GET", "state", &Value::Null).await;
    assert!(state["managedIdentityTokens"].as_u64().unwrap() >= 4, "each process needs a token for each resource");
    let next = Service::start(&fixture, &settings).await;
    assert_eq!(next.token(&authorization).await.0, only);
    next.call(&authorization, DELETE).await;
    fixture.assert_no_identity().await;
}
