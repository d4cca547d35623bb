//! The app settings that `infra/main.bicep` writes, in the handler behind the stand-in host, with a managed identity.
//!
//! Linux only, where `SSL_CERT_FILE` makes a program trust a certificate.

#[path = "../../infra/evaluate.rs"]
mod evaluate;
#[path = "../../infra/file.rs"]
#[allow(dead_code, reason = "the test binary infra uses the rest")]
mod file;
#[path = "../../infra/syntax.rs"]
#[allow(dead_code, reason = "as above")]
mod syntax;

use std::{collections::BTreeMap, fs, path::Path, path::PathBuf, sync::Arc};

use acs_identity::http::client_builder;
use acs_tokens::emulator::{Certificate, DEVELOPMENT_IDENTITY_HEADER, Emulator, Options, identity_endpoint};
use http::Method;
use rustls::{
    ServerConfig,
    crypto::ring::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

use self::{
    evaluate::{Evaluator, Known, passed_to_app},
    file::File,
};
use super::{
    fixture::{ALICE, Fixture},
    managed_identity::{ACS, AZURITE, CERTIFICATE, STORAGE, proxy},
    service::KEY,
    stand_in::{Kind, StandIn},
    store::{TestStore, environment},
};
use crate::{
    harness::{Answer, users::AUDIENCE},
    host::{self, Generation, Host, HostOptions, Keys},
};

/// The outputs of modules that the settings need, and the values of Azure that they contain.
const SAMPLES: [(&str, &str, &str, &str, &str); 6] = [
    ("access", "communication-access", "endpoint", "communication.properties.hostName", ACS),
    ("identity", "identity", "clientId", "identity.properties.clientId", "c11e0000-0000-4000-8000-c11e00000000"),
    ("monitoring", "monitoring", "connectionString", "insights.properties.ConnectionString", "InstrumentationKey=0"),
    ("storage", "storage", "id", "account.id", "/subscriptions/0/storageAccounts/devstoreaccount1"),
    ("storage", "storage", "usersUrl", "account.properties.primaryEndpoints.blob", BLOBS),
    ("vault", "vault", "keyReference", "vault.properties.vaultUri", "https://kv-sample.vault.azure.net/"),
];

const BLOBS: &str = "https://devstoreaccount1.blob.core.windows.net/";

type Settings = BTreeMap<String, String>;

fn template(name: &str) -> File {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("infra").join(name).with_extension("bicep");
    File::read(name, &fs::read_to_string(path).unwrap())
}

/// Returns the app settings for some parameters.
fn app_settings(parameters: &[(&str, &str)]) -> Settings {
    let mut known: Known = parameters.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    for (module, path, output, property, sample) in SAMPLES {
        let file = template(&format!("modules/{path}"));
        let samples = [(property.to_owned(), json!(sample)), ("withUsers".to_owned(), json!(true))];
        let value = file.outputs.iter().find(|item| item.name == output).unwrap().value.as_ref().unwrap();
        let value = Evaluator { file: &file, known: samples.into() }.value(value).unwrap();
        known.insert(format!("{module}.outputs.{output}"), value);
    }
    serde_json::from_value(passed_to_app(&template("main"), "settings", known).unwrap()).unwrap()
}

/// Replaces the Key Vault reference by a key that the template makes, as the platform does.
fn resolve(settings: &mut Settings) {
    let reference = "@Microsoft.KeyVault(SecretUri=https://kv-sample.vault.azure.net/secrets/user-directory-key)";
    let vault = template("modules/vault");
    let parts = ["keyStart", "keyEnd"].map(|name| (name.to_owned(), json!(uuid::Uuid::new_v4().to_string())));
    let key = vault.resource("key").unwrap().body.path("properties/value").unwrap();
    let key = Evaluator { file: &vault, known: parts.into() }.value(key).unwrap();
    let replaced = settings.insert("USER_DIRECTORY_KEY".to_owned(), key.as_str().unwrap().to_owned());
    assert_eq!(replaced.as_deref(), Some(reference));
}

/// ACS and Blob Storage under their names in Azure.
struct Azure {
    fixture: Fixture,
    /// The stand-in for Blob Storage, unless the test uses Azurite.
    stand_in: Option<StandIn>,
    /// The variables that the platform adds to the app settings.
    platform: [(&'static str, String); 4],
    _folder: TempDir,
}

impl Azure {
    /// Starts ACS, and Blob Storage in Azurite if the environment names one.
    async fn start() -> Self {
        let azurite = environment(AZURITE).zip(environment(CERTIFICATE).map(PathBuf::from));
        Self::start_with(azurite).await
    }

    async fn start_with(azurite: Option<(String, PathBuf)>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = azurite.as_ref().map_or_else(|| create_certificate(folder.path()), |(_, folder)| folder.clone());
        let [certificate, key] = ["certificate.pem", "key.pem"].map(|name| files.join(name));
        let [plain, secure] =
            [TcpListener::bind("127.0.0.1:0").await.unwrap(), TcpListener::bind("127.0.0.1:0").await.unwrap()];
        let (http, https) = (plain.local_addr().unwrap(), secure.local_addr().unwrap());
        let emulator = Emulator::new(Options::default());
        let (same, trusted) = (emulator.clone(), Certificate::from_files(&certificate, &key).unwrap());
        tokio::spawn(async move { same.serve_http(plain).await });
        tokio::spawn(async move { emulator.serve_https(secure, &trusted).await });

        let (stand_in, store, storage) = if let Some((address, _)) = azurite {
            (None, TestStore::azure(STORAGE), address)
        } else {
            let stand_in = StandIn::start(Kind::Blob).await;
            let address = encrypt(&stand_in.url, &certificate, &key).await;
            let store = TestStore::of(&stand_in);
            (Some(stand_in), store, address)
        };
        let fixture = Fixture::new(Arc::new(store), format!("http://{http}")).await;
        let platform = [
            ("IDENTITY_ENDPOINT", identity_endpoint("http", http)),
            ("IDENTITY_HEADER", DEVELOPMENT_IDENTITY_HEADER.to_owned()),
            ("SSL_CERT_FILE", certificate.to_str().unwrap().to_owned()),
            ("HTTPS_PROXY", proxy([(STORAGE, storage), (ACS, https.to_string())]).await),
        ];
        Self { fixture, stand_in, platform, _folder: folder }
    }

    /// Returns the settings of an app with users.
    fn settings_with_users(&self) -> Settings {
        app_settings(&[("oidcIssuers", &self.fixture.issuer()), ("oidcAudiences", AUDIENCE)])
    }

    /// Deploys the packaged handler that `ACS_TOKENS_TEST_APP` names, or the one just built.
    async fn deploy(&self, settings: Settings) -> App {
        let [program, repository, parent] =
            [env!("CARGO_BIN_EXE_handler"), env!("CARGO_MANIFEST_DIR"), env!("CARGO_TARGET_TMPDIR")].map(Path::new);
        let folder = host::stage(program, repository, parent);
        let app = std::env::var_os("ACS_TOKENS_TEST_APP").map_or_else(|| folder.path().to_owned(), PathBuf::from);
        let platform = self.platform.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        let env = settings.into_iter().chain(platform).collect();
        let keys = Some(Keys { host: vec![KEY.to_owned()], ..Keys::default() });
        let host = Host::start(HostOptions { app, generation: Generation::Proxying, env, keys }).await.unwrap();
        App { host, http: client_builder().no_proxy().build().unwrap(), _folder: folder }
    }
}

/// Writes a certificate for both names, and its key.
fn create_certificate(folder: &Path) -> PathBuf {
    let names = [ACS, STORAGE].map(str::to_owned);
    let generated = rcgen::generate_simple_self_signed(names).unwrap();
    fs::write(folder.join("certificate.pem"), generated.cert.pem()).unwrap();
    fs::write(folder.join("key.pem"), generated.signing_key.serialize_pem()).unwrap();
    folder.to_owned()
}

/// Starts a server that passes TLS connections on to a plain one.
async fn encrypt(url: &str, certificate: &Path, key: &Path) -> String {
    let (certificate, key) =
        (CertificateDer::from_pem_file(certificate).unwrap(), PrivateKeyDer::from_pem_file(key).unwrap());
    let config =
        ServerConfig::builder_with_provider(Arc::new(default_provider())).with_safe_default_protocol_versions();
    let config = config.unwrap().with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = url.trim_start_matches("http://").to_owned();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, server) = (acceptor.clone(), server.clone());
            tokio::spawn(async move {
                let mut client = acceptor.accept(stream).await.ok()?;
                let mut server = TcpStream::connect(server).await.ok()?;
                copy_bidirectional(&mut client, &mut server).await.ok()
            });
        }
    });
    address
}

/// A deployed app.
struct App {
    host: Host,
    http: reqwest::Client,
    _folder: TempDir,
}

impl App {
    async fn call(&self, method: Method, path: &str, credential: (&str, &str), body: &str) -> Answer {
        let request =
            self.http.request(method, format!("{}/api/{path}", self.host.url())).header(credential.0, credential.1);
        Answer::of(request.header("content-type", "application/json").body(body.to_owned())).await
    }

    async fn is_ready(&self) -> Answer {
        self.call(Method::GET, "health?ready", ("accept", "*/*"), "").await
    }

    /// Creates an identity with a token.
    async fn first_token(&self) -> Answer {
        self.call(Method::POST, "identities", ("x-functions-key", KEY), r#"{"createTokenWithScopes":["voip"]}"#).await
    }

    async fn token_of_user(&self, authorization: &str) -> Answer {
        self.call(Method::POST, "me/token", ("authorization", authorization), "{}").await
    }

    /// Waits until the log has a text.
    async fn logs(&self, text: &str) {
        self.host.until(text, |host| host.log_lines().iter().any(|line| line.text.contains(text))).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_of_the_template_issue_the_first_tokens() {
    let azure = Azure::start().await;
    let mut settings = azure.settings_with_users();
    resolve(&mut settings);
    let app = azure.deploy(settings).await;
    app.is_ready().await.assert_ok(200);

    let created = app.first_token().await;
    created.assert_ok(201);
    let token = created.json()["accessToken"]["token"].as_str().unwrap().to_owned();
    assert_eq!(azure.fixture.status(&token).await, "valid");
    let without_key = app.call(Method::POST, "identities", ("x-functions-key", "wrong"), "{}").await;
    assert_eq!(without_key.status, 401);

    let user = azure.fixture.sign_in(ALICE).await;
    let issued = app.token_of_user(&user).await;
    issued.assert_ok(200);
    let issued = issued.json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    azure.fixture.assert_token(&(text(&issued["user"]["communicationUserId"]), text(&issued["token"]))).await;
    if let Some(stand_in) = &azure.stand_in {
        assert!(stand_in.authorization().starts_with("Bearer "));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_of_the_template_without_issuers_turn_off_users() {
    let azure = Azure::start_with(None).await;
    let app = azure.deploy(app_settings(&[])).await;
    app.is_ready().await.assert_ok(200);
    app.first_token().await.assert_ok(201);
    app.token_of_user("Bearer a").await.assert_code(401, "unauthorized", &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn unresolved_key_vault_reference_names_the_role_on_the_vault() {
    let azure = Azure::start_with(None).await;
    let app = azure.deploy(azure.settings_with_users()).await;
    app.logs("assign the app's managed identity the role `Key Vault Secrets User` on the vault").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_storage_role_is_named_in_the_log() {
    let azure = Azure::start_with(None).await;
    let refusal = "<Error><Code>AuthorizationPermissionMismatch</Code></Error>";
    azure.stand_in.as_ref().unwrap().fail(Method::GET, 403, refusal, usize::MAX);
    let mut settings = azure.settings_with_users();
    resolve(&mut settings);
    let app = azure.deploy(settings).await;
    app.is_ready().await.assert_code(503, "not-ready", &[]);
    app.logs("assign the role Storage Blob Data Contributor on the container").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_endpoint_is_named_in_the_log() {
    let azure = Azure::start_with(None).await;
    let mut settings = app_settings(&[]);
    let endpoint = "https://contosa.communication.azure.com".to_owned();
    settings.insert("COMMUNICATION_SERVICES_ENDPOINT".to_owned(), endpoint);
    let app = azure.deploy(settings).await;
    app.is_ready().await.assert_code(503, "not-ready", &[]);
    app.logs("compare the endpoint with the Keys page of the resource").await;
}
