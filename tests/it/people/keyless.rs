//! The real program without any key: Azure Blob Storage and ACS under their real names, both by managed identity.
//!
//! Only on Linux does `SSL_CERT_FILE` make a program trust a file.

use std::{ffi::OsString, path::PathBuf};

use acs_tokens::emulator::{Certificate, DEVELOPMENT_IDENTITY_HEADER, Emulator, Options, identity_endpoint};
use futures_util::future::join_all;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
};

use super::{crowd::CALLS, fixture::Fixture, location::Location, service::Service};

/// Azurite over https that takes bearer tokens: `127.0.0.1:<port>`.
const AZURITE: &str = "ACS_TOKENS_TEST_KEYLESS";

/// A folder with `certificate.pem`, for both names below, and `key.pem`.
const CERTIFICATE: &str = "ACS_TOKENS_TEST_CERTIFICATE";

const STORAGE: &str = "devstoreaccount1.blob.core.windows.net";
const ACS: &str = "contoso.communication.azure.com";

/// A proxy that brings connections to these names to these addresses, and no others.
async fn proxy(names: [(&'static str, String); 2]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(connect(stream, names.clone()));
        }
    });
    url
}

async fn connect(mut client: TcpStream, names: [(&str, String); 2]) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let address = names.iter().find(|(name, _)| head.starts_with(&format!("CONNECT {name}:443 ")));
    let mut server = TcpStream::connect(&address?.1).await.ok()?;
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.ok()?;
    copy_bidirectional(&mut client, &mut server).await.ok()?;
    Some(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_first_calls_without_a_key() {
    let Some((azurite, certificate)) = std::env::var_os(AZURITE).zip(std::env::var_os(CERTIFICATE)) else { return };
    let (azurite, certificate) = (OsString::into_string(azurite).unwrap(), PathBuf::from(certificate));
    let path = |name| certificate.join(name).into_os_string().into_string().unwrap();
    let (trusted, key) = (path("certificate.pem"), path("key.pem"));

    let (plain, secure) =
        (TcpListener::bind("127.0.0.1:0").await.unwrap(), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let (http, https) = (plain.local_addr().unwrap(), secure.local_addr().unwrap());
    let emulator = Emulator::new(Options::default());
    let certificate = Certificate::from_files(trusted.as_ref(), key.as_ref()).unwrap();
    let twin = emulator.clone();
    tokio::spawn(async move { twin.serve_http(plain).await });
    tokio::spawn(async move { emulator.serve_https(secure, &certificate).await });

    let fixture = Fixture::over(format!("http://{http}")).await;
    let location = Location::azure(STORAGE, "a_hundred_first_calls_without_a_key");
    let proxy = proxy([(STORAGE, azurite), (ACS, https.to_string())]).await;
    let (endpoint, identity, issuer) = (format!("https://{ACS}"), identity_endpoint("http", http), fixture.issuer());
    let mut environment = vec![
        ("COMMUNICATION_SERVICES_ENDPOINT", &*endpoint),
        ("IDENTITY_ENDPOINT", &*identity),
        ("IDENTITY_HEADER", DEVELOPMENT_IDENTITY_HEADER),
        ("SSL_CERT_FILE", &*trusted),
        ("HTTPS_PROXY", &*proxy),
    ];
    environment.extend(location.environment());
    let services = [Service::start_with(&environment, &issuer).await, Service::start_with(&environment, &issuer).await];
    let person = fixture.sign_in("alice@contoso.com").await;
    let tokens = join_all((0..CALLS).map(|number| services[number % 2].token(&person))).await;

    let only = fixture.only_identity().await;
    for (id, token) in tokens {
        assert_eq!(id, only);
        fixture.assert_token(&token, &id).await;
    }
    let emulator = fixture.control("GET", "state", &Value::Null).await;
    assert!(emulator["managedIdentityTokens"].as_u64().unwrap() >= 4, "each process has one for each service");
    // Who starts anew finds it.
    let next = Service::start_with(&environment, &issuer).await;
    assert_eq!(next.token(&person).await.0, only);
    next.forget(&person).await;
    assert!(fixture.identities().await.0.is_empty());
}
