//! The fixture of the functions' tests: the router or the handler, an emulator behind it, and a client.

mod answer;
pub(crate) mod log;
pub(crate) mod users;

use std::path::{Path, PathBuf};

use acs_identity::{ConnectionString, http::client_builder};
use acs_tokens::{
    acs_client::AcsSettings,
    auth::{Authenticator, BackendAuth},
    directory,
    emulator::{Emulator, Options, connection_string},
    functions::Services,
    http::Api as ServiceApi,
};
use http::Method;
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;

pub(crate) use answer::{Answer, assert_token};

use crate::host::{self, Generation, Host, HostOptions, Keys};

/// An identity of another resource than the emulator's.
pub(crate) const FOREIGN_ID: &str = "8:acs:00000000-0000-0000-0000-000000000000_00000000-0000-0000-0000-000000000000";

/// The functions at an address, with their own emulator.
pub(crate) struct Api {
    pub(crate) base: String,
    emulator: String,
    http: reqwest::Client,
    /// The stand-in Functions host, if the test runs behind one.
    host: Option<(Generation, Host, App)>,
}

/// A staged app. The folder of `Staged` is deleted at the end of the test.
enum App {
    Given(PathBuf),
    Staged(TempDir),
}

impl App {
    /// Stages the handler just built.
    fn stage() -> Self {
        let [program, repository, parent] =
            [env!("CARGO_BIN_EXE_handler"), env!("CARGO_MANIFEST_DIR"), env!("CARGO_TARGET_TMPDIR")].map(Path::new);
        Self::Staged(host::stage(program, repository, parent))
    }
}

impl Api {
    /// Serves the router without authentication.
    pub(crate) async fn direct() -> Self {
        Self::with_callers(&BackendAuth::Anyone.into()).await
    }

    /// Serves the router with an authenticator.
    pub(crate) async fn with_callers(authenticator: &Authenticator) -> Self {
        Self::with_parts(|_| (), |parts| ServiceApi { authenticator: authenticator.clone(), ..parts }).await
    }

    /// Serves the router with changed options of the ACS client.
    pub(crate) async fn with_settings(change: impl FnOnce(&mut AcsSettings)) -> Self {
        Self::with_parts(change, |parts| parts).await
    }

    /// Serves the router with changed options of the ACS client, and changed parts.
    pub(crate) async fn with_parts(
        options: impl FnOnce(&mut AcsSettings),
        change: impl FnOnce(ServiceApi) -> ServiceApi,
    ) -> Self {
        let (emulator, connection_string) = emulator().await;
        let mut settings: AcsSettings = connection_string.parse::<ConnectionString>().unwrap().into();
        options(&mut settings);
        let directory = directory::DirectorySettings::in_memory();
        let services = Services::open(settings.client().unwrap(), Some(&directory)).unwrap();
        let app = change(ServiceApi::new(services, BackendAuth::Anyone));
        Self::serving(emulator, app.into_router()).await
    }

    /// Starts the real `handler` behind the stand-in host, which checks no keys, as `func start`.
    pub(crate) async fn hosted(generation: Generation) -> Self {
        Self::hosted_with(generation, None, &[]).await
    }

    /// Starts the real `handler` behind the stand-in host with keys and app settings. Uses the staged app that
    /// `ACS_TOKENS_TEST_APP` names, or the handler just built.
    pub(crate) async fn hosted_with(generation: Generation, keys: Option<Keys>, settings: &[(&str, &str)]) -> Self {
        Self::hosted_at(emulator().await, generation, keys, settings).await
    }

    async fn hosted_at(
        (emulator, connection_string): (String, String),
        generation: Generation,
        keys: Option<Keys>,
        settings: &[(&str, &str)],
    ) -> Self {
        let app = std::env::var_os("ACS_TOKENS_TEST_APP").map_or_else(App::stage, |folder| App::Given(folder.into()));
        let folder = match &app {
            App::Given(folder) => folder.clone(),
            App::Staged(folder) => folder.path().to_owned(),
        };
        let acs = ("COMMUNICATION_SERVICES_CONNECTION_STRING", &*connection_string);
        let env =
            settings.iter().chain([&acs]).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let options = HostOptions { app: folder, generation, env, keys };
        let host = Host::start(options).await.unwrap();
        Self { base: host.url(), emulator, http: client(), host: Some((generation, host, app)) }
    }

    /// Returns the stand-in host.
    pub(crate) fn host(&self) -> &Host {
        &self.host.as_ref().unwrap().1
    }

    /// Returns the connection string of the emulator.
    pub(crate) fn connection_string(&self) -> String {
        connection_string("http", self.emulator.trim_start_matches("http://").parse().unwrap())
    }

    /// Returns the URL of the emulator's control API.
    pub(crate) fn control_url(&self) -> String {
        format!("{}/_emulator", self.emulator)
    }

    /// Returns whether the functions run behind the stand-in host.
    pub(crate) fn is_hosted(&self) -> bool {
        self.host.is_some()
    }

    /// Returns whether the stand-in host is of this generation.
    pub(crate) fn is_hosted_by(&self, generation: Generation) -> bool {
        self.host.as_ref().is_some_and(|(other, ..)| *other == generation)
    }

    /// Builds a request for a path.
    pub(crate) fn request(&self, method: &str, path: &str) -> RequestBuilder {
        self.http.request(Method::from_bytes(method.as_bytes()).unwrap(), format!("{}{path}", self.base))
    }

    /// Posts JSON.
    pub(crate) async fn post(&self, path: &str, body: &str) -> Answer {
        Answer::of(self.request("POST", path).header("content-type", "application/json").body(body.to_owned())).await
    }

    /// Sends a DELETE.
    pub(crate) async fn delete(&self, path: &str) -> Answer {
        Answer::of(self.request("DELETE", path)).await
    }

    /// Creates an identity and returns its id.
    pub(crate) async fn new_identity(&self) -> String {
        let answer = self.post("/api/identities", "{}").await;
        answer.json()["identity"]["id"].as_str().unwrap().to_owned()
    }

    /// Calls the emulator's control API. Panics unless it succeeds.
    pub(crate) async fn control(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        let url = format!("{}/{path}", self.control_url());
        let mut request = self.http.request(Method::from_bytes(method.as_bytes()).unwrap(), url);
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let response = request.send().await.unwrap();
        let (status, body) = (response.status(), response.text().await.unwrap());
        assert!(status.is_success(), "{status} {body}");
        serde_json::from_str(&body).unwrap_or_default()
    }

    /// Returns the number of calls that the emulator received.
    pub(crate) async fn upstream_calls(&self) -> u64 {
        let calls = self.control("GET", "calls", None).await;
        calls.as_object().unwrap().values().map(|calls| calls["received"].as_u64().unwrap()).sum()
    }

    /// Returns the emulator's status of a token: `valid`, `revoked`, `deleted`.
    pub(crate) async fn token_status(&self, token: &str) -> String {
        let status = self.control("POST", "tokens/check", Some(json!({ "token": token }))).await;
        status["status"].as_str().unwrap().to_owned()
    }
}

fn client() -> reqwest::Client {
    client_builder().build().unwrap()
}

/// Starts an emulator and returns its URL and connection string.
pub(crate) async fn emulator() -> (String, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { Emulator::new(Options::default()).serve_http(listener).await });
    (format!("http://{address}"), connection_string("http", address))
}

/// Returns the key in a connection string.
pub(crate) fn access_key(connection_string: &str) -> &str {
    connection_string.split_once("accesskey=").unwrap().1
}
