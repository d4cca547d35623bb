//! The functions of a running service, called over HTTP.

use std::{fmt, time::Duration};

use acs_identity::{
    Endpoint, causes,
    http::{client_builder_for, read_body},
};
use http::{Method, StatusCode, header::CONTENT_TYPE};
use reqwest::RequestBuilder;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::Value;

use super::Result;
use crate::auth::KEY_HEADER;

/// Longer than any answer of a function.
const MAX_BODY: usize = 64 * 1024;

/// Longer than the deadline of the functions, so that their answer arrives.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Authentication at a service.
#[derive(Debug)]
pub(super) enum Credential {
    /// A function key, or a key of `CALLER_KEYS`.
    Key(SecretString),
    /// A token of an issuer that the service trusts.
    Bearer(SecretString),
}

/// A running service.
#[derive(Debug)]
pub(super) struct App {
    http: reqwest::Client,
    base: Endpoint,
    credential: Option<Credential>,
}

/// The fields of a problem (RFC 9457) that are shown.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Problem {
    title: String,
    detail: String,
    #[serde(default)]
    request_id: Option<String>,
}

/// The reason why a call failed.
#[derive(Debug)]
pub(super) enum CallError {
    /// No answer arrived.
    Connection(String),
    /// The answer has the status of an error.
    Refused(StatusCode, Option<Box<ProblemText>>),
    /// The answer is not the expected JSON.
    Unexpected,
}

/// The members of a problem that the command prints.
#[derive(Debug)]
pub(super) struct ProblemText {
    text: String,
    request_id: Option<String>,
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connection(causes) => f.write_str(causes),
            Self::Refused(status, Some(problem)) => write!(f, "{} {}", status.as_u16(), problem.text),
            Self::Refused(status, None) => status.fmt(f),
            Self::Unexpected => f.write_str("the response is not the expected JSON"),
        }
    }
}

impl CallError {
    /// Returns the error with the next step.
    fn explain(&self, base: &Endpoint) -> String {
        let step = match self {
            Self::Connection(_) if base.is_loopback() => {
                "start it with `acs-tokens dev`; or name an app with --url, or an ACS resource with \
                 COMMUNICATION_SERVICES_CONNECTION_STRING"
            }
            Self::Connection(_) | Self::Unexpected | Self::Refused(StatusCode::NOT_FOUND, None) => {
                "compare --url with the address of the app"
            }
            Self::Refused(StatusCode::UNAUTHORIZED, _) => {
                "set FUNCTION_KEY to a key of the app, or BEARER_TOKEN to a token of an issuer that it trusts"
            }
            Self::Refused(StatusCode::TOO_MANY_REQUESTS, _) => "wait, then run the command again",
            Self::Refused(status, Some(problem)) if status.is_server_error() => {
                let id = problem.request_id.as_deref().unwrap_or_default();
                return format!("{self}; the log of the app has the cause under request_id {id}");
            }
            Self::Refused(status, None) if status.is_server_error() => "see the log of the app",
            Self::Refused(..) => return self.to_string(),
        };
        format!("{}; {step}", self.to_string().trim_end_matches('.'))
    }
}

impl App {
    /// Creates the client. Nothing is sent yet.
    ///
    /// # Errors
    /// An error if the URL is https and there are no root certificates.
    pub(super) fn new(base: Endpoint, credential: Option<Credential>) -> Result<Self> {
        let http = client_builder_for(base.url())?.timeout(TIMEOUT).build()?;
        Ok(Self { http, base, credential })
    }

    /// Returns the address.
    pub(super) const fn base(&self) -> &Endpoint {
        &self.base
    }

    /// Returns the HTTP client.
    pub(super) const fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// Returns a request to a function, without a credential.
    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}api/{path}", self.base))
    }

    /// Does the same as [`send`](Self::send). The error has the next step.
    pub(super) async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let answer = self.send(method, path, body).await;
        Ok(answer.map_err(|error| format!("{}: {}", self.base, error.explain(&self.base)))?)
    }

    /// Calls a function and returns the JSON of its answer, `null` if that has no body.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> std::result::Result<Value, CallError> {
        let mut request = self.request(method, path);
        request = match &self.credential {
            Some(Credential::Key(key)) => request.header(KEY_HEADER, key.expose_secret()),
            Some(Credential::Bearer(token)) => request.bearer_auth(token.expose_secret()),
            None => request,
        };
        send(request, body).await
    }
}

/// Sends a request. Returns the JSON of a successful response, `null` if it has no body.
pub(super) async fn send(mut request: RequestBuilder, body: Option<&Value>) -> std::result::Result<Value, CallError> {
    if let Some(body) = body {
        request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
    }
    let failed = |error: reqwest::Error| CallError::Connection(causes(&error.without_url()));
    let response = request.send().await.map_err(failed)?;
    let status = response.status();
    let body = read_body(response, MAX_BODY).await.map_err(|error| CallError::Connection(causes(&error)))?;
    if !status.is_success() {
        let problem = serde_json::from_slice::<Problem>(&body).ok();
        let problem = problem.map(|Problem { title, detail, request_id }| {
            Box::new(ProblemText { text: format!("{title}: {detail}"), request_id })
        });
        return Err(CallError::Refused(status, problem));
    }
    if body.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(&body).map_err(|_| CallError::Unexpected) }
}
