//! The real program as a process, for people who sign in at the emulator's test issuer.

use http::Method;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::{fixture::Fixture, location::Location};
use crate::{
    harness::people::AUDIENCE,
    process::{Running, cli},
};

/// `acs-tokens serve`.
pub(crate) struct Service {
    running: Running,
    pub(crate) base: String,
    http: reqwest::Client,
}

/// What a call came to: a status, and the JSON if there was any. Nothing if the process ended before it answered.
pub(crate) type Answer = Option<(u16, Value)>;

impl Service {
    /// Starts one over the fixture's ACS.
    pub(crate) async fn start(fixture: &Fixture, location: &Location) -> Self {
        let acs = fixture.acs.connection_string();
        let mut environment = vec![("COMMUNICATION_SERVICES_CONNECTION_STRING", &*acs)];
        environment.extend(location.environment());
        Self::start_with(&environment, &fixture.issuer()).await
    }

    /// One with these settings, for the people of an issuer.
    pub(crate) async fn start_with(environment: &[(&str, &str)], issuer: &str) -> Self {
        let people = [
            ("OIDC_ISSUERS", issuer),
            ("OIDC_AUDIENCES", AUDIENCE),
            ("RATE_LIMIT", "none"),
            // Nobody reads its log any further.
            ("RUST_LOG", "acs_tokens::cli::serve=info"),
        ];
        let environment = [environment, &people].concat();
        let mut running = Running::start(cli(&["serve", "--port", "0"], &environment));
        let lines = running.until(|line| line.contains("serving")).await;
        let address = lines.last().unwrap().split("127.0.0.1:").nth(1).unwrap();
        let port: String = address.chars().take_while(char::is_ascii_digit).collect();
        let http = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().unwrap();
        Self { running, base: format!("http://127.0.0.1:{port}/api"), http }
    }

    /// Kills it with SIGKILL, and waits until it is gone.
    pub(crate) async fn kill(&mut self) {
        self.running.kill().await;
    }

    /// Its id for the system.
    pub(crate) fn id(&self) -> u32 {
        self.running.id()
    }

    /// Begins a call in somebody's name.
    pub(crate) fn begin(&self, person: &str, method: Method, path: &str) -> JoinHandle<Answer> {
        let mut request = self.http.request(method, format!("{}/{path}", self.base)).header("authorization", person);
        request = request.header("content-type", "application/json");
        tokio::spawn(async move {
            let response = request.send().await.ok()?;
            let status = response.status().as_u16();
            let body = response.bytes().await.ok()?;
            Some((status, serde_json::from_slice(&body).unwrap_or_default()))
        })
    }

    /// A call that is answered. It is made again while the directory has no time, as callers do.
    pub(crate) async fn call(&self, person: &str, method: Method, path: &str) -> (u16, Value) {
        loop {
            let answer = self.begin(person, method.clone(), path).await.unwrap().unwrap();
            if answer.1["code"] != json!("directory-unavailable") {
                return answer;
            }
        }
    }

    /// Somebody's token and identity.
    pub(crate) async fn token(&self, person: &str) -> (String, String) {
        let (status, answer) = self.call(person, Method::POST, "me/token").await;
        assert_eq!(status, 200, "{answer}");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&answer["user"]["communicationUserId"]), text(&answer["token"]))
    }

    /// Ends somebody's identity.
    pub(crate) async fn forget(&self, person: &str) {
        let (status, answer) = self.call(person, Method::DELETE, "me").await;
        assert_eq!(status, 204, "{answer}");
    }
}
