//! The service in front of an emulator, for tests that count what the service leaves behind.

use std::net::SocketAddr;

use acs_identity::{ConnectionString, types::IdentityId};
use acs_tokens::{
    acs_client::AcsSettings,
    auth::BackendAuth,
    emulator::{Emulator, Options, connection_string},
    http::Api,
    server::{self, Limits},
};
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    runtime::{Builder, Handle, Runtime},
    sync::oneshot,
};

use crate::process::in_time;

/// A service and an emulator, each on a runtime of its own: the tasks of the one are counted, and the other can be stopped.
pub(crate) struct Service {
    /// `None` once they are stopped. A runtime must not be dropped inside another one.
    runtimes: [Option<Runtime>; 2],
    pub(crate) base: String,
    control: String,
    http: reqwest::Client,
}

impl Service {
    /// Starts an emulator and the service.
    pub(crate) async fn start() -> Self {
        let (emulating, emulator) = run(emulate).await;
        let (runtime, address) = run(move |listener| serve(listener, emulator)).await;
        Self {
            runtimes: [Some(runtime), Some(emulating)],
            base: format!("http://{address}/api"),
            control: format!("http://{emulator}/_emulator"),
            http: acs_identity::http::client_builder().build().unwrap(),
        }
    }

    /// Returns the runtime of the service.
    pub(crate) fn runtime(&self) -> &Handle {
        self.runtimes[0].as_ref().unwrap().handle()
    }

    /// Stops the emulator and closes its connections.
    pub(crate) fn stop_emulator(&mut self) {
        self.runtimes[1].take().unwrap().shutdown_background();
    }

    /// Creates an identity.
    pub(crate) async fn identity(&self) -> IdentityId {
        let answer = self.send("POST", &format!("{}/identities", self.base), Some("{}".to_owned())).await;
        answer["identity"]["id"].as_str().unwrap().parse().unwrap()
    }

    /// Adds faults to the emulator.
    pub(crate) async fn fault(&self, fault: &Value) {
        self.send("POST", &format!("{}/faults", self.control), Some(fault.to_string())).await;
    }

    /// Removes the faults.
    pub(crate) async fn clear_faults(&self) {
        self.send("DELETE", &format!("{}/faults", self.control), None).await;
    }

    /// Returns how many requests for tokens the emulator has received.
    pub(crate) async fn received(&self) -> u64 {
        let calls = self.send("GET", &format!("{}/calls", self.control), None).await;
        calls["issue-token"]["received"].as_u64().unwrap_or_else(|| panic!("{calls}"))
    }

    async fn send(&self, method: &str, url: &str, body: Option<String>) -> Value {
        let method = http::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.http.request(method, url);
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body);
        }
        let response = in_time("an answer", request.send()).await.unwrap();
        assert!(response.status().is_success(), "{url}: {}", response.status());
        serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or(json!(null))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.runtimes.iter_mut().filter_map(Option::take).for_each(Runtime::shutdown_background);
    }
}

/// Runs a server on a new runtime. Returns it with the address.
async fn run<F: Future<Output = ()> + Send>(
    serve: impl FnOnce(TcpListener) -> F + Send + 'static,
) -> (Runtime, SocketAddr) {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (sender, receiver) = oneshot::channel();
    runtime.spawn(async move {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        sender.send(listener.local_addr().unwrap()).unwrap();
        serve(listener).await;
    });
    (runtime, in_time("the address", receiver).await.unwrap())
}

async fn emulate(listener: TcpListener) {
    Emulator::new(Options::default()).serve_http(listener).await.unwrap();
}

async fn serve(listener: TcpListener, emulator: SocketAddr) {
    let settings: AcsSettings = connection_string("http", emulator).parse::<ConnectionString>().unwrap().into();
    let app = Api::new(settings.client().unwrap(), BackendAuth::Anyone).into_router();
    server::run(listener, app, Limits::default(), std::future::pending()).await;
}

/// Posts a request for a token and returns the status, `Retry-After` and the code.
pub(crate) async fn issue(http: &reqwest::Client, url: &str) -> (u16, String, String) {
    let request = http.post(url).header("content-type", "application/json").body(r#"{"scopes":["chat"]}"#);
    let response = in_time("an answer", request.send()).await.unwrap();
    let status = response.status().as_u16();
    let retry_after = response.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
    let answer: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
    (status, retry_after.unwrap_or_default(), answer["code"].as_str().unwrap_or_default().to_owned())
}
