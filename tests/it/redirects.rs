//! Redirects, which no request that carries a secret may follow: each server here redirects to a second one.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use acs_identity::http::client_builder;
use acs_tokens::emulator::DEVELOPMENT_IDENTITY_HEADER;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use crate::{
    harness,
    keyless::Fixture,
    process::{Running, cli, ready, run},
};

/// A server that redirects every request to another one, and the numbers of requests that both received.
pub(crate) struct Redirecting {
    pub(crate) url: String,
    first: Arc<AtomicU64>,
    second: Arc<AtomicU64>,
}

impl Redirecting {
    pub(crate) async fn start(status: u16) -> Self {
        let (second_url, second) = server(|_| "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n".to_owned()).await;
        let (url, first) = server(move |target| {
            format!("HTTP/1.1 {status} Moved\r\nLocation: {second_url}{target}\r\nContent-Length: 0\r\n")
        })
        .await;
        Self { url, first, second }
    }

    pub(crate) fn assert_not_followed(&self, what: &str) {
        assert!(self.first.load(Ordering::SeqCst) > 0, "{what}: no request");
        assert_eq!(self.second.load(Ordering::SeqCst), 0, "{what}: the redirect was followed");
    }
}

/// Starts a server, which is ready. `response` returns the head for another request target.
async fn server(response: impl Fn(&str) -> String + Send + 'static) -> (String, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let requests = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&requests);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                head.push(char::from(stream.read_u8().await.unwrap()));
            }
            let target = head.split(' ').nth(1).unwrap();
            let (head, body) = if target == "/api/health?ready" {
                ("HTTP/1.1 200 OK\r\nContent-Length: 18\r\n".to_owned(), r#"{"status":"ready"}"#)
            } else {
                counter.fetch_add(1, Ordering::SeqCst);
                (response(target), "")
            };
            stream.write_all(format!("{head}Connection: close\r\n\r\n{body}").as_bytes()).await.unwrap();
        }
    });
    (url, requests)
}

const STATUSES: [u16; 4] = [301, 302, 307, 308];

#[tokio::test]
async fn redirects_of_acs_are_not_followed() {
    for status in STATUSES {
        let acs = Redirecting::start(status).await;
        let connection_string = format!("endpoint={}/;accesskey=d3Jvbmcgd3Jvbmc=", acs.url);
        let (code, ..) =
            run(cli(&["check"], &[("COMMUNICATION_SERVICES_CONNECTION_STRING", &connection_string)])).await;
        assert_eq!(code, 1);
        acs.assert_not_followed(&format!("ACS {status}"));
    }
}

#[tokio::test]
async fn redirects_of_the_quickstarts_url_are_not_followed() {
    for status in STATUSES {
        let app = Redirecting::start(status).await;
        let environment = [("FUNCTION_KEY", "a-key-of-the-app")];
        let (code, ..) = run(cli(&["quickstart", "--url", &app.url], &environment)).await;
        assert_eq!(code, 1);
        app.assert_not_followed(&format!("quickstart {status}"));
    }
}

#[tokio::test]
async fn redirects_of_token_services_are_not_followed() {
    let fixture = Fixture::start().await;
    let certificate = fixture.folder.path().join("ca.pem");
    let file = fixture.folder.path().join("federated");
    std::fs::write(&file, "eyJmZWRlcmF0ZWQ").unwrap();
    for status in STATUSES {
        let common =
            [("COMMUNICATION_SERVICES_ENDPOINT", &*fixture.secure), ("SSL_CERT_FILE", certificate.to_str().unwrap())];
        let endpoint = Redirecting::start(status).await;
        let identity = format!("{}/msi/token", endpoint.url);
        let settings = [("IDENTITY_ENDPOINT", &*identity), ("IDENTITY_HEADER", DEVELOPMENT_IDENTITY_HEADER)];
        assert_eq!(run(cli(&["check"], &[&common[..], &settings].concat())).await.0, 1);
        endpoint.assert_not_followed(&format!("managed identity {status}"));

        // The emulator plays Entra: its answer redirects.
        let entra = Redirecting::start(status).await;
        let answer = json!({ "status": status, "headers": { "Location": format!("{}/token", entra.url) } });
        fixture.control("POST", "faults", &json!({ "answer": answer })).await;
        let settings = [
            ("AZURE_FEDERATED_TOKEN_FILE", file.to_str().unwrap()),
            ("AZURE_CLIENT_ID", "c11e0000-0000-4000-8000-c11e00000000"),
            ("AZURE_TENANT_ID", "e27a0000-0000-4000-8000-e27a00000000"),
            ("AZURE_AUTHORITY_HOST", &*fixture.secure),
        ];
        assert_eq!(run(cli(&["check"], &[&common[..], &settings].concat())).await.0, 1);
        assert_eq!(entra.first.load(Ordering::SeqCst), 0, "Entra {status}: the redirect was followed");
    }
}

#[tokio::test]
async fn redirects_of_the_store_are_not_followed() {
    let acs = harness::emulator().await.1;
    for status in STATUSES {
        let store = Redirecting::start(status).await;
        let container = format!("{}/devstoreaccount1/users", store.url);
        let settings = [
            ("COMMUNICATION_SERVICES_CONNECTION_STRING", &*acs),
            ("USER_DIRECTORY", &container),
            ("USER_DIRECTORY_KEY", "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="),
        ];
        assert_eq!(run(cli(&["directory", "export"], &settings)).await.0, 1);
        store.assert_not_followed(&format!("store {status}"));
    }
}

#[tokio::test]
async fn redirects_of_an_issuer_are_not_followed() {
    for status in STATUSES {
        let issuer = Redirecting::start(status).await;
        let acs =
            ("COMMUNICATION_SERVICES_CONNECTION_STRING", "endpoint=http://127.0.0.1:1/;accesskey=d3Jvbmcgd3Jvbmc=");
        let settings = [acs, ("OIDC_ISSUERS", &*issuer.url), ("OIDC_AUDIENCES", "app")];
        let mut running = Running::start(cli(&["serve", "--port", "0"], &settings));
        let lines = running.until(|line| line.contains("\"address\"")).await;
        let log: serde_json::Value = serde_json::from_str(lines.last().unwrap()).unwrap();
        let base = format!("http://{}", log["address"].as_str().unwrap());
        assert_eq!(ready(&format!("{base}/api/health")).await.status(), 200);

        let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let header = part(json!({ "alg": "RS256", "typ": "JWT", "kid": "1" }));
        let claims = part(json!({ "iss": issuer.url, "aud": "app", "sub": "x", "exp": 4_000_000_000_u64 }));
        let http = client_builder().build().unwrap();
        let request = http.post(format!("{base}/api/identities")).header("content-type", "application/json").body("{}");
        let token = format!("Bearer {header}.{claims}.c2lnbmF0dXJl");
        let response = request.header("authorization", token).send().await.unwrap();
        assert_eq!(response.status(), 503);
        issuer.assert_not_followed(&format!("issuer {status}"));
    }
}
