//! The real `handler` without a key: Entra's tokens by each way, over https, with nothing stood in for `azure_identity`.

use acs_tokens::emulator::{Certificate, DEVELOPMENT_IDENTITY_HEADER, Emulator, Options, identity_endpoint};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use crate::process::{Running, cli, free_port, handler, ready};

/// An emulator on http and https, and the folder with its certificate.
pub(crate) struct Bench {
    plain: String,
    identity_endpoint: String,
    pub(crate) secure: String,
    pub(crate) folder: TempDir,
    http: reqwest::Client,
}

/// A handler in front of it.
struct Functions {
    running: Running,
    base: String,
    http: reqwest::Client,
}

impl Bench {
    pub(crate) async fn start() -> Self {
        let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let secure = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (http, https) = (plain.local_addr().unwrap(), secure.local_addr().unwrap());
        let folder = tempfile::tempdir().unwrap();
        let certificate = Certificate::self_signed(&folder.path().join("ca.pem")).unwrap();
        let emulator = Emulator::new(Options::default());
        let twin = emulator.clone();
        tokio::spawn(async move { twin.serve_http(plain).await });
        tokio::spawn(async move { emulator.serve_https(secure, &certificate).await });
        Self {
            plain: format!("http://{http}"),
            identity_endpoint: identity_endpoint("http", http),
            secure: format!("https://{https}"),
            folder,
            http: reqwest::Client::builder().build().unwrap(),
        }
    }

    /// A handler that trusts the emulator's certificate, with these settings besides.
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

    /// What the managed identity's endpoint answers: for those who stand in for another.
    pub(crate) async fn token(&self) -> Value {
        let url =
            format!("{}?api-version=2019-08-01&resource=https://communication.azure.com/", self.identity_endpoint);
        let request = self.http.get(url).header("x-identity-header", DEVELOPMENT_IDENTITY_HEADER);
        serde_json::from_str(&request.send().await.unwrap().text().await.unwrap()).unwrap()
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
        Self { running, base, http: reqwest::Client::builder().build().unwrap() }
    }

    /// Asks for an identity with a token.
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

    /// The log up to the line of the first request; nowhere in it is a token or the identity header.
    async fn log(mut self) -> Vec<Value> {
        let lines = self.running.until(|line| line.contains(r#""function":"create-identity""#)).await;
        for line in &lines {
            // Every JWT begins with these.
            assert!(!line.contains("eyJ") && !line.contains(DEVELOPMENT_IDENTITY_HEADER), "{line}");
        }
        lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

#[tokio::test]
async fn the_managed_identity_needs_no_key() {
    let bench = Bench::start().await;
    let identity = ("IDENTITY_ENDPOINT", &*bench.identity_endpoint);
    // A proxy would be asked in vain, since nothing listens there; but it is not asked.
    let proxy = ("http_proxy", "http://127.0.0.1:1");
    let functions = bench.handler(&[identity, ("IDENTITY_HEADER", DEVELOPMENT_IDENTITY_HEADER), proxy]).await;
    for _ in 0..5 {
        functions.assert_created().await;
    }
    assert_eq!(bench.managed_identity_tokens().await, 1, "the token is kept");
    let log = functions.log().await;
    let got = log.iter().find(|line| line["message"] == "fetched an Entra token").unwrap();
    assert!(got["valid_s"].as_i64().unwrap() > 86_000, "{got}");
}

#[tokio::test]
async fn the_settings_that_the_emulator_prints_are_all_it_takes() {
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
async fn the_first_token_is_got_without_being_asked_for() {
    let bench = Bench::start().await;
    let settings = [("IDENTITY_ENDPOINT", &*bench.identity_endpoint), ("IDENTITY_HEADER", DEVELOPMENT_IDENTITY_HEADER)];
    let mut functions = bench.handler(&settings).await;
    functions.running.until(|line| line.contains("fetched an Entra token")).await;
    assert_eq!(bench.managed_identity_tokens().await, 1);
}

#[tokio::test]
async fn a_user_assigned_identity_is_asked_for_by_its_client_id() {
    let bench = Bench::start().await;
    let token = bench.token().await.to_string();
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
    let functions = bench
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
async fn a_token_endpoint_that_hangs_does_not_delay_the_start() {
    let bench = Bench::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}/msi/token", listener.local_addr().unwrap());
    let functions = bench.handler(&[("IDENTITY_ENDPOINT", &endpoint), ("IDENTITY_HEADER", "x")]).await;
    let health = bench.http.get(format!("{}/api/health", functions.base)).send().await.unwrap();
    assert_eq!(health.status(), 200);
    // It was asked all the same.
    listener.accept().await.unwrap();
}

#[tokio::test]
async fn without_a_credential_the_caller_learns_little_and_the_log_all() {
    let bench = Bench::start().await;
    let nowhere = format!("http://{}/msi/token", free_port().await);
    for (endpoint, header, tries, cause) in [
        (&*bench.identity_endpoint, "wrong", 1, "the X-IDENTITY-HEADER is not that of the emulator"),
        (&nowhere, "wrong", 3, "tcp connect error"),
    ] {
        let functions = bench.handler(&[("IDENTITY_ENDPOINT", endpoint), ("IDENTITY_HEADER", header)]).await;
        let (status, problem) = functions.create().await;
        assert_eq!((status, &problem["code"]), (502, &json!("misconfigured")), "{problem}");
        let log = functions.log().await;
        let request = log.last().unwrap();
        let told = request["cause"].as_str().unwrap();
        assert!(told.starts_with("no credential for ACS: no token by managed-identity: "), "{told}");
        assert!(told.contains(cause), "{told}");
        let again = log.iter().filter(|line| line["message"] == "trying again").count();
        assert_eq!(again + 1, tries);
    }
}

#[tokio::test]
async fn a_denied_token_that_is_new_is_not_asked_for_again() {
    let bench = Bench::start().await;
    bench.control("PUT", "settings", &json!({ "managedIdentityTokenLifetimeSeconds": 3600 })).await;
    let denied = json!({
        "status": 401,
        "headers": {"Content-Type": "application/json"},
        "body": r#"{"error":{"code":"Denied","message":"Denied by the resource provider."}}"#
    });
    bench.control("POST", "faults", &json!({ "times": 2, "answer": denied })).await;
    let settings = [("IDENTITY_ENDPOINT", &*bench.identity_endpoint), ("IDENTITY_HEADER", DEVELOPMENT_IDENTITY_HEADER)];
    let functions = bench.handler(&settings).await;
    for _ in 0..2 {
        let (status, problem) = functions.create().await;
        assert_eq!((status, &problem["code"]), (502, &json!("misconfigured")), "{problem}");
    }
    functions.assert_created().await;
    assert_eq!(bench.managed_identity_tokens().await, 1);
}

#[tokio::test]
async fn a_workload_identity_exchanges_its_token_at_entra() {
    let bench = Bench::start().await;
    let token = &bench.token().await["access_token"];
    // The emulator's next answer, whoever asks: it stands in for Entra.
    let answer = json!({ "token_type": "Bearer", "expires_in": 3600, "access_token": token }).to_string();
    let fault = json!({ "answer": { "status": 200, "headers": {"Content-Type": "application/json"}, "body": answer } });
    bench.control("POST", "faults", &fault).await;
    let file = bench.folder.path().join("federated");
    std::fs::write(&file, "eyJmZWRlcmF0ZWQ").unwrap();
    let settings = [
        ("AZURE_FEDERATED_TOKEN_FILE", file.to_str().unwrap()),
        ("AZURE_CLIENT_ID", "c11e0000-0000-4000-8000-c11e00000000"),
        ("AZURE_TENANT_ID", "e27a0000-0000-4000-8000-e27a00000000"),
        ("AZURE_AUTHORITY_HOST", &bench.secure),
    ];
    let functions = bench.handler(&settings).await;
    functions.assert_created().await;
    let calls = bench.control("GET", "calls", &Value::Null).await;
    assert_eq!(calls["other"], json!({ "received": 1, "faulted": 1 }));
    functions.log().await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_developer_is_known_by_the_azure_cli() {
    use std::os::unix::fs::PermissionsExt as _;

    let bench = Bench::start().await;
    let token = bench.token().await;
    let expires_on: i64 = token["expires_on"].as_str().unwrap().parse().unwrap();
    let answer = json!({ "accessToken": token["access_token"], "expires_on": expires_on, "tokenType": "Bearer" });
    let folder = bench.folder.path().to_str().unwrap();
    let expected = "account get-access-token -o json --scope https://communication.azure.com//.default";
    let script = format!("#!/bin/sh\n[ \"$*\" = '{expected}' ] && echo '{answer}'\n");
    let az = bench.folder.path().join("az");
    std::fs::write(&az, script).unwrap();
    std::fs::set_permissions(&az, std::fs::Permissions::from_mode(0o755)).unwrap();
    let functions = bench.handler(&[("PATH", folder)]).await;
    functions.assert_created().await;
    functions.log().await;

    let functions = bench.handler(&[("PATH", "/nowhere")]).await;
    assert_eq!(functions.create().await.0, 502);
    let log = functions.log().await;
    let told = log.last().unwrap()["cause"].as_str().unwrap();
    assert!(told.contains("az not found on PATH") && told.contains("azd not found on PATH"), "{told}");
}
