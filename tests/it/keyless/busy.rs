//! Token services that ask callers to wait: one wait for all requests, and 503 with `Retry-After` for callers.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use acs_tokens::emulator::DEVELOPMENT_IDENTITY_HEADER;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    task::JoinSet,
};

use super::{Fixture, Functions};
use crate::process::{in_time, until};

/// A managed identity endpoint that first answers `busy`, then with tokens.
struct Endpoint {
    url: String,
    requests: Arc<AtomicU64>,
}

impl Endpoint {
    async fn start(busy: &'static str, times: u64, token: Value) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/msi/token", listener.local_addr().unwrap());
        let requests = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&requests);
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut bytes = Vec::new();
                while !bytes.ends_with(b"\r\n\r\n") {
                    bytes.push(stream.read_u8().await.unwrap());
                }
                let body = token.to_string();
                let response = if counter.fetch_add(1, Ordering::SeqCst) < times {
                    format!("HTTP/1.1 {busy}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                } else {
                    let length = body.len();
                    format!(
                        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
                    )
                };
                stream.write_all(response.as_bytes()).await.unwrap();
            }
        });
        Self { url, requests }
    }

    fn requests(&self) -> u64 {
        self.requests.load(Ordering::SeqCst)
    }
}

/// Creates an identity, and asserts 503 with `Retry-After`.
async fn assert_unavailable(functions: &Functions, longest: u64) {
    let request = functions.http.post(format!("{}/api/identities", functions.base));
    let response = request.header("content-type", "application/json").body("{}").send().await.unwrap();
    let seconds: u64 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    let status = response.status().as_u16();
    let problem: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    assert_eq!((status, &problem["code"]), (503, &json!("credential-unavailable")), "{problem}");
    assert!((1..=longest).contains(&seconds), "{seconds}");
}

impl Fixture {
    /// Starts a handler with a workload identity. The emulator plays Entra.
    pub(super) async fn handler_with_workload_identity(&self) -> Functions {
        let file = self.folder.path().join("federated");
        std::fs::write(&file, "eyJmZWRlcmF0ZWQ").unwrap();
        let settings = [
            ("AZURE_FEDERATED_TOKEN_FILE", file.to_str().unwrap()),
            ("AZURE_CLIENT_ID", "c11e0000-0000-4000-8000-c11e00000000"),
            ("AZURE_TENANT_ID", "e27a0000-0000-4000-8000-e27a00000000"),
            ("AZURE_AUTHORITY_HOST", &*self.secure),
        ];
        self.handler(&settings).await
    }
}

#[tokio::test]
async fn all_requests_obey_one_wait_of_the_managed_identity_endpoint() {
    let fixture = Fixture::start().await;
    for busy in ["429 Too Many Requests\r\nRetry-After: 600", "503 Service Unavailable\r\nRetry-After: 600"] {
        let endpoint = Endpoint::start(busy, u64::MAX, json!({})).await;
        let settings = [("IDENTITY_ENDPOINT", &*endpoint.url), ("IDENTITY_HEADER", "x")];
        let functions = Arc::new(fixture.handler(&settings).await);
        let mut requests = JoinSet::new();
        for _ in 0..8 {
            let functions = Arc::clone(&functions);
            requests.spawn(async move { assert_unavailable(&functions, 600).await });
        }
        requests.join_all().await;
        assert_unavailable(&functions, 600).await;
        assert_eq!(endpoint.requests(), 1, "{busy}");
    }
}

#[tokio::test]
async fn a_short_wait_of_the_managed_identity_endpoint_delays_the_call() {
    let fixture = Fixture::start().await;
    let busy = "429 Too Many Requests\r\nRetry-After: 1";
    let endpoint = Endpoint::start(busy, 1, fixture.token().await).await;
    let settings = [("IDENTITY_ENDPOINT", &*endpoint.url), ("IDENTITY_HEADER", "x")];
    let functions = fixture.handler(&settings).await;
    in_time("the token", functions.assert_created()).await;
    assert_eq!(endpoint.requests(), 2);
}

#[tokio::test]
async fn an_error_page_of_entra_is_transient_whatever_its_body() {
    let fixture = Fixture::start().await;
    let page = json!({
        "status": 503, "headers": { "Content-Type": "text/html", "Retry-After": "600" }, "body": "<h2>Service unavailable</h2>"
    });
    fixture.control("POST", "faults", &json!({ "times": 9, "answer": page })).await;
    let functions = fixture.handler_with_workload_identity().await;
    for _ in 0..3 {
        assert_unavailable(&functions, 600).await;
    }
    let calls = fixture.control("GET", "calls", &Value::Null).await;
    assert_eq!(calls["other"], json!({ "received": 1, "faulted": 1 }));
}

#[tokio::test]
async fn a_wait_for_a_token_of_the_store_is_passed_on() {
    let fixture = Fixture::start().await;
    let busy = "429 Too Many Requests\r\nRetry-After: 600";
    let endpoint = Endpoint::start(busy, u64::MAX, json!({})).await;
    let issuer = format!("{}/_emulator/oidc", fixture.plain);
    let connection_string = format!("endpoint={}/;accesskey=d3Jvbmcgd3Jvbmc=", fixture.plain);
    let functions = Functions::start(&[
        ("COMMUNICATION_SERVICES_CONNECTION_STRING", &*connection_string),
        ("IDENTITY_ENDPOINT", &endpoint.url),
        ("IDENTITY_HEADER", DEVELOPMENT_IDENTITY_HEADER),
        ("OIDC_ISSUERS", &issuer),
        ("OIDC_AUDIENCES", "app"),
        ("USER_DIRECTORY", "https://contoso.blob.core.windows.net/users"),
        ("USER_DIRECTORY_KEY", "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="),
    ])
    .await;
    let token = fixture.control("POST", "oidc/tokens", &json!({ "claims": { "aud": "app", "sub": "anna" } })).await;
    let token = format!("Bearer {}", token["token"].as_str().unwrap());
    for _ in 0..2 {
        let request = functions.http.post(format!("{}/api/me/token", functions.base)).header("authorization", &token);
        let response = request.header("content-type", "application/json").body("{}").send().await.unwrap();
        let wait = response.headers().get("retry-after").map(|wait| wait.to_str().unwrap().parse::<u64>().unwrap());
        let status = response.status().as_u16();
        let problem: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        assert_eq!((status, &problem["code"]), (503, &json!("directory-unavailable")), "{problem}");
        assert!(wait.is_some_and(|wait| (1..=600).contains(&wait)), "{wait:?}");
    }
    until("the request for a token", async || endpoint.requests() > 0).await;
    assert_eq!(endpoint.requests(), 1);
}
