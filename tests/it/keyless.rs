//! The real `handler` with Entra tokens from each source, over https, through the real `azure_identity`.

#[cfg(unix)]
mod azure_cli;
mod busy;

use acs_identity::http::client_builder;
use acs_tokens::emulator::{Certificate, DEVELOPMENT_IDENTITY_HEADER, Emulator, Options, identity_endpoint};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use crate::process::{Running, cli, free_port, handler, ready};

/// An emulator on http and https, and the folder with its certificate.
pub(crate) struct Fixture {
    plain: String,
    pub(crate) identity_endpoint: String,
    pub(crate) secure: String,
    pub(crate) folder: TempDir,
    http: reqwest::Client,
}

/// A handler that uses the emulator.
struct Functions {
    running: Running,
    base: String,
    http: reqwest::Client,
}

impl Fixture {
    pub(crate) async fn start() -> Self {
        let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let secure = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (http, https) = (plain.local_addr().unwrap(), secure.local_addr().unwrap());
        let folder = tempfile::tempdir().unwrap();
        let certificate = Certificate::self_signed(&folder.path().join("ca.pem"), &[]).unwrap();
        let emulator = Emulator::new(Options::default());
        let twin = emulator.clone();
        tokio::spawn(async move { twin.serve_http(plain).await });
        tokio::spawn(async move { emulator.serve_https(secure, &certificate).await });
        Self {
            plain: format!("http://{http}"),
            identity_endpoint: identity_endpoint("http", http),
            secure: format!("https://{https}"),
            folder,
            http: client_builder().build().unwrap(),
        }
    }

    /// Starts a handler that trusts the emulator's certificate, with further settings.
    async fn handler(&self, settings: &[(&str, &str)]) -> Functions {
        let certificate = self.folder.path().join("ca.pem");
        let common = [
            ("COMMUNICATION_SERVICES_ENDPOINT", &*self.secure),
            ("SSL_CERT_FILE", certificate.to_str().unwrap()),
            ("RUST_LOG", "trace"),
        ];
        Functions::start(&[&common, settings].concat()).await
    }

    pub(crate) async fn control(&self, method: &str, path: &str, body: &Value) -> Value {
        let url = format!("{}/_emulator/{path}", self.plain);
        let request = self.http.request(method.parse().unwrap(), url).header("content-type", "application/json");
        let response = request.body(body.to_string()).send().await.unwrap();
        assert!(response.status().is_success(), "{response:?}");
        serde_json::from_str(&response.text().await.unwrap()).unwrap_or_default()
    }

    /// Returns a response of the managed identity endpoint, for tests that play another token service.
    pub(crate) async fn token(&self) -> Value {
        let url =
            format!("{}?api-version=2019-08-01&resource=https://communication.azure.com/", self.identity_endpoint);
        let request = self.http.get(url).header("x-identity-header", DEVELOPMENT_IDENTITY_HEADER);
        serde_json::from_str(&request.send().await.unwrap().text().await.unwrap()).unwrap()
    }

    /// Returns the emulator's test issuer, as in the claim `iss` of its tokens.
    #[cfg(feature = "lambda")]
    pub(crate) fn issuer(&self) -> String {
        format!("{}/_emulator/oidc", self.plain)
    }

    async fn managed_identity_tokens(&self) -> u64 {
        self.control("GET", "state", &Value::Null).await["managedIdentityTokens"].as_u64().unwrap()
    }
}

impl Functions {
    async fn start(settings: &[(&str, &str)]) -> Self {
        let address = free_port().await;
        let port = address.port().to_string();
        let running = Running::start(handler(&[settings, &[("FUNCTIONS_CUSTOMHANDLER_PORT", &port)]].concat()));
        let base = format!("http://{address}");
        assert_eq!(ready(&base).await.status(), 200);
        Self { running, base, http: client_builder().build().unwrap() }
    }

    /// Creates an identity with a token.
    async fn create(&self) -> (u16, Value) {
        let request =
            self.http.post(format!("{}/api/identities", self.base)).header("content-type", "application/json");
        let response = request.body(r#"{"createTokenWithScopes":["voip"]}"#).send().await.unwrap();
        (response.status().as_u16(), serde_json::from_str(&response.text().await.unwrap()).unwrap())
    }

    async fn assert_created(&self) {
        let (status, body) = self.create().await;
        assert_eq!(status, 201, "{body}");
    }

    /// Returns the log up to the line of the first request, and asserts that it contains neither a token nor the identity
    /// header.
    async fn log(mut self) -> Vec<Value> {
        let lines = self.running.until(|line| line.contains(r#""function":"create-identity""#)).await;
        for line in &lines {
            // All JWTs start with these letters.
            assert!(!line.contains("eyJ") && !line.contains(DEVELOPMENT_IDENTITY_HEADER), "{line}");
        }
        lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

#[tokio::test]
async fn managed_identity_token_is_cached_and_fetched_without_proxy() {
    let fixture = Fixture::start().await;
    let identity = ("IDENTITY_ENDPOINT", &*fixture.identity_endpoint);
    // No server listens on this port, so requests through the proxy fail.
    let proxy = ("http_proxy", "http://127.0.0.1:1");
    let functions = fixture.handler(&[identity, ("IDENTITY_HEADER", DEVELOPMENT_IDENTITY_HEADER), proxy]).await;
    for _ in 0..5 {
        functions.assert_created().await;
    }
    assert_eq!(fixture.managed_identity_tokens().await, 1);
    let log = functions.log().await;
    let got = log.iter().find(|line| line["message"] == "fetched an Entra token").unwrap();
    assert!(got["valid_s"].as_i64().unwrap() > 86_000, "{got}");
}

#[tokio::test]
async fn settings_printed_by_the_emulator_suffice() {
    let mut emulator = Running::start(cli(&["emulator", "--port", "0", "--https-port", "0"], &[]));
    let printed = emulator.until(|line| line.starts_with("SSL_CERT_FILE=")).await;
    let names = ["COMMUNICATION_SERVICES_ENDPOINT", "IDENTITY_ENDPOINT", "IDENTITY_HEADER", "SSL_CERT_FILE"];
    let setting = |line: &'_ String| {
        let (name, value) = line.split_once('=')?;
        names.contains(&name).then(|| (name.to_owned(), value.to_owned()))
    };
    let settings: Vec<_> = printed.iter().filter_map(setting).collect();
    assert_eq!(settings.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), names);
    let settings: Vec<_> = settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    Functions::start(&settings).await.assert_created().await;
}

#[tokio::test]
async fn first_token_is_fetched_at_the_start() {
    let fixture = Fixture::start().await;
    let settings =
        [("IDENTITY_ENDPOINT", &*fixture.identity_endpoint), ("IDENTITY_HEADER", DEVELOPMENT_IDENTITY_HEADER)];
    let mut functions = fixture.handler(&settings).await;
    functions.running.until(|line| line.contains("fetched an Entra token")).await;
    assert_eq!(fixture.managed_identity_tokens().await, 1);
}

#[tokio::test]
async fn user_assigned_identity_is_selected_by_its_client_id() {
    let fixture = Fixture::start().await;
    let token = fixture.token().await.to_string();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let received = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\r\n\r\n") {
            bytes.push(stream.read_u8().await.unwrap());
        }
        let head =
            format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", token.len());
        stream.write_all((head + &token).as_bytes()).await.unwrap();
        String::from_utf8(bytes).unwrap()
    });
    let endpoint = format!("http://{address}/msi/token");
    let functions = fixture
        .handler(&[
            ("IDENTITY_ENDPOINT", &endpoint),
            ("IDENTITY_HEADER", "853b9a84-5bfa-4b22-a3f3-0b9a43d9ad8a"),
            ("AZURE_CLIENT_ID", "c11e0000-0000-4000-8000-c11e00000000"),
        ])
        .await;
    functions.assert_created().await;
    let received = received.await.unwrap();
    let (line, headers) = received.split_once("\r\n").unwrap();
    assert_eq!(
        line,
        "GET /msi/token?api-version=2019-08-01&resource=https%3A%2F%2Fcommunication.azure.com%2F\
         &client_id=c11e0000-0000-4000-8000-c11e00000000 HTTP/1.1"
    );
    assert!(headers.contains("x-identity-header: 853b9a84-5bfa-4b22-a3f3-0b9a43d9ad8a\r\n"), "{headers}");
}

#[tokio::test]
async fn start_does_not_wait_for_the_first_token() {
    let fixture = Fixture::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}/msi/token", listener.local_addr().unwrap());
    let functions = fixture.handler(&[("IDENTITY_ENDPOINT", &endpoint), ("IDENTITY_HEADER", "x")]).await;
    let health = fixture.http.get(format!("{}/api/health", functions.base)).send().await.unwrap();
    assert_eq!(health.status(), 200);
    // The token was requested nevertheless.
    listener.accept().await.unwrap();
}

#[tokio::test]
async fn missing_token_is_explained_in_the_log_only() {
    let fixture = Fixture::start().await;
    let nowhere = format!("http://{}/msi/token", free_port().await);
    for (endpoint, tries, cause, expected) in [
        (
            &*fixture.identity_endpoint,
            1,
            "the X-IDENTITY-HEADER is not that of the emulator",
            (502, &json!("misconfigured")),
        ),
        (&nowhere, 3, "tcp connect error", (503, &json!("credential-unavailable"))),
    ] {
        let functions = fixture.handler(&[("IDENTITY_ENDPOINT", endpoint), ("IDENTITY_HEADER", "wrong")]).await;
        let (status, problem) = functions.create().await;
        assert_eq!((status, &problem["code"]), expected, "{problem}");
        let log = functions.log().await;
        let cause_logged = log.last().unwrap()["cause"].as_str().unwrap();
        assert!(cause_logged.starts_with("no credential for ACS: no token by managed-identity: "), "{cause_logged}");
        assert!(cause_logged.contains(cause), "{cause_logged}");
        let retries = log.iter().filter(|line| line["message"] == "trying again").count();
        assert_eq!(retries + 1, tries);
    }
}

#[tokio::test]
async fn denied_new_token_is_not_replaced() {
    let fixture = Fixture::start().await;
    fixture.control("PUT", "settings", &json!({ "managedIdentityTokenLifetimeSeconds": 3600 })).await;
    let denied = json!({
        "status": 401,
        "headers": {"Content-Type": "application/json"},
        "body": r#"{"error":{"code":"Denied","message":"Denied by the resource provider."}}"#
    });
    fixture.control("POST", "faults", &json!({ "times": 2, "answer": denied })).await;
    let settings =
        [("IDENTITY_ENDPOINT", &*fixture.identity_endpoint), ("IDENTITY_HEADER", DEVELOPMENT_IDENTITY_HEADER)];
    let functions = fixture.handler(&settings).await;
    for _ in 0..2 {
        let (status, problem) = functions.create().await;
        assert_eq!((status, &problem["code"]), (502, &json!("misconfigured")), "{problem}");
    }
    functions.assert_created().await;
    assert_eq!(fixture.managed_identity_tokens().await, 1);
}

#[tokio::test]
async fn workload_identity_token_is_exchanged_at_entra() {
    let fixture = Fixture::start().await;
    let token = &fixture.token().await["access_token"];
    // The next response of the emulator, which plays Entra for one request.
    let answer = json!({ "token_type": "Bearer", "expires_in": 3600, "access_token": token }).to_string();
    let fault = json!({ "answer": { "status": 200, "headers": {"Content-Type": "application/json"}, "body": answer } });
    fixture.control("POST", "faults", &fault).await;
    let functions = fixture.handler_with_workload_identity().await;
    functions.assert_created().await;
    let calls = fixture.control("GET", "calls", &Value::Null).await;
    assert_eq!(calls["other"], json!({ "received": 1, "faulted": 1 }));
    functions.log().await;
}
