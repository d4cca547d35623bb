//! `acs-tokens serve` as a child process, for users of the emulator's test issuer.

use acs_identity::http::client_builder;
use http::Method;
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
#[cfg(unix)]
use {crate::process::until, tokio::net::TcpStream};

use super::fixture::Fixture;
use crate::{
    harness::users::AUDIENCE,
    process::{Running, in_time, program},
};

/// The key of back ends.
pub(crate) const KEY: &str = "a-key-of-a-back-end";

/// A running `acs-tokens serve`.
pub(crate) struct Service {
    running: Running,
    base: String,
    http: reqwest::Client,
}

/// A method and a path.
pub(crate) type Call = (Method, &'static str);

/// A call in progress: the status and body of its answer.
pub(crate) type Pending = JoinHandle<Option<(u16, Value)>>;

pub(crate) const TOKEN: Call = (Method::POST, "me/token");
pub(crate) const REVOKE: Call = (Method::DELETE, "me/tokens");
pub(crate) const DELETE: Call = (Method::DELETE, "me");

impl Fixture {
    /// Starts a service over the fixture's ACS and store.
    pub(crate) async fn service(&self) -> Service {
        Service::start(self, &[("COMMUNICATION_SERVICES_CONNECTION_STRING", &self.acs.connection_string())]).await
    }
}

impl Service {
    /// Starts a service with more settings.
    pub(crate) async fn start(fixture: &Fixture, more: &[(&str, &str)]) -> Self {
        Self::start_under(&[], fixture, more).await
    }

    /// Starts a service by another program, whose arguments are followed by those of the service.
    pub(crate) async fn start_under(by: &[&str], fixture: &Fixture, more: &[(&str, &str)]) -> Self {
        let (issuer, keys) = (fixture.issuer(), format!("web={KEY}"));
        let users = [
            ("OIDC_ISSUERS", &*issuer),
            ("OIDC_AUDIENCES", AUDIENCE),
            ("CALLER_KEYS", &*keys),
            ("RATE_LIMIT", "none"),
            ("RATE_LIMIT_PASSES", "none"),
            ("RATE_LIMIT_GUESTS", "none"),
            // The test does not read later lines of the log.
            ("RUST_LOG", "acs_tokens::cli::serve=info"),
        ];
        let environment = [&users, &*fixture.store.environment(), more].concat();
        let line = [by, &[env!("CARGO_BIN_EXE_acs-tokens"), "serve", "--port", "0"]].concat();
        let mut command = program(line[0], &environment);
        command.args(&line[1..]);
        let mut running = Running::start(command);
        let lines = running.until(|line| line.contains("serving")).await;
        let address = lines.last().unwrap().split("127.0.0.1:").nth(1).unwrap();
        let port: String = address.chars().take_while(char::is_ascii_digit).collect();
        let http = client_builder().no_proxy().pool_max_idle_per_host(0).build().unwrap();
        Self { running, base: format!("http://127.0.0.1:{port}/api"), http }
    }

    /// Sends SIGKILL and waits until the process has ended.
    pub(crate) async fn kill(&mut self) {
        self.running.kill().await;
    }

    /// Returns the next line of the log that matches.
    pub(crate) async fn log_line(&mut self, matches: impl Fn(&Value) -> bool) -> Value {
        let parse = |line: &str| serde_json::from_str(line).unwrap_or_default();
        parse(self.running.until(|line| matches(&parse(line))).await.last().unwrap())
    }

    /// Sends SIGTERM and waits until the process accepts no connections.
    #[cfg(unix)]
    pub(crate) async fn terminate(&self) {
        self.running.terminate().await;
        let address = self.base.trim_start_matches("http://").trim_end_matches("/api");
        until("the end of the listener", async || TcpStream::connect(address).await.is_err()).await;
    }

    /// Waits until the process has ended and returns its exit code.
    #[cfg(unix)]
    pub(crate) async fn ended(&mut self) -> Option<i32> {
        self.running.ended().await
    }

    /// Waits for a line of the log. The process has to write it: see [`Service::start`].
    #[cfg(unix)]
    pub(crate) async fn logged(&mut self, text: &str) {
        self.running.until(|line| line.contains(text)).await;
    }

    pub(crate) fn id(&self) -> u32 {
        self.running.id()
    }

    /// Starts a call. It returns the status and body, `None` if the process ended before it answered.
    pub(crate) fn start_call(&self, authorization: &str, (method, path): Call) -> Pending {
        self.start_request(authorization, method, path)
    }

    /// Does the same for a path.
    pub(crate) fn start_request(&self, authorization: &str, method: Method, path: &str) -> Pending {
        let body = if method == Method::POST { "{}" } else { "" };
        let request = self.http.request(method, format!("{}/{path}", self.base)).body(body);
        let request = request.header("x-functions-key", KEY);
        send(request.header("authorization", authorization).header("content-type", "application/json"))
    }

    /// Starts a call of a back end.
    pub(crate) fn start_call_of_back_end(&self, path: &str, body: &Value) -> JoinHandle<Option<(u16, Value)>> {
        let request = self.http.post(format!("{}/{path}", self.base)).header("x-functions-key", KEY);
        send(request.header("content-type", "application/json").body(body.to_string()))
    }

    /// Makes a call, and repeats it while the directory is unavailable, as callers do. Asserts that it succeeds.
    pub(crate) async fn call(&self, authorization: &str, call: Call) -> Value {
        let answer = async {
            loop {
                let answer = self.start_call(authorization, call.clone()).await.unwrap().unwrap();
                if answer.1["code"] != json!("directory-unavailable") {
                    return answer;
                }
            }
        };
        let (status, body) = in_time("the answer", answer).await;
        assert_eq!(status, if call.0 == Method::POST { 200 } else { 204 }, "{body}");
        body
    }

    /// Returns the user's identity and a token.
    pub(crate) async fn token(&self, authorization: &str) -> (String, String) {
        let body = self.call(authorization, TOKEN).await;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&body["user"]["communicationUserId"]), text(&body["token"]))
    }
}

/// Sends a request in a task of its own.
fn send(request: RequestBuilder) -> JoinHandle<Option<(u16, Value)>> {
    tokio::spawn(async move {
        let response = request.send().await.ok()?;
        let status = response.status().as_u16();
        let body = response.bytes().await.ok()?;
        Some((status, serde_json::from_slice(&body).unwrap_or_default()))
    })
}
