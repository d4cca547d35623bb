//! Simulates the Lambda Runtime API, which sends events to `bootstrap` and receives its responses.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::{
    process::{ExitStatus, Stdio},
    slice,
    sync::Arc,
    time::Duration,
};

use axum::{Router, extract::Request, response::IntoResponse};
use http::{HeaderMap, HeaderName, StatusCode};
use serde_json::Value;
use tokio::{
    io::AsyncReadExt as _,
    net::TcpListener,
    process::{Child, Command},
    sync::{Mutex, mpsc},
};

use crate::harness::Answer;

/// Longer than any step takes; reached only if one hangs.
const TIMEOUT: Duration = Duration::from_secs(60);

/// An event with its request id, or the path and the body of a response. Both are JSON.
type Message = (String, String);

/// A running `bootstrap` and its simulated Lambda.
pub(crate) struct Lambda {
    bootstrap: Child,
    events: mpsc::Sender<Message>,
    answers: mpsc::Receiver<Message>,
}

impl Lambda {
    /// Starts `bootstrap` with these settings only.
    pub(crate) async fn start(settings: &[(&str, &str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (events, waiting) = mpsc::channel(1);
        let (answered, answers) = mpsc::channel(1);
        let waiting = Arc::new(Mutex::new(waiting));
        let api = Router::new().fallback(move |request| runtime_api(Arc::clone(&waiting), answered.clone(), request));
        tokio::spawn(axum::serve(listener, api).into_future());
        let bootstrap = Command::new(env!("CARGO_BIN_EXE_bootstrap"))
            .env_clear()
            .envs([("AWS_LAMBDA_RUNTIME_API", address.as_str()), ("AWS_LAMBDA_FUNCTION_NAME", "acs-tokens")])
            .envs([("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"), ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")])
            .envs(settings.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Self { bootstrap, events, answers }
    }

    /// Sends one event and returns the response as an HTTP client sees it.
    pub(crate) async fn invoke(&mut self, id: &str, event: &Value) -> Answer {
        as_http(event, &self.invoke_raw(id, &event.to_string()).await)
    }

    /// Sends a payload and returns the result of the function.
    pub(crate) async fn invoke_raw(&mut self, id: &str, payload: &str) -> Value {
        self.events.send((id.to_owned(), payload.to_owned())).await.unwrap();
        self.result(id).await
    }

    /// Waits for the result of an invocation.
    async fn result(&mut self, id: &str) -> Value {
        let answer = tokio::time::timeout(TIMEOUT, self.answers.recv()).await.unwrap();
        let (path, answer) = answer.unwrap();
        assert_eq!(path, format!("/2018-06-01/runtime/invocation/{id}/response"), "{answer}");
        serde_json::from_str(&answer).unwrap()
    }

    /// Stops `bootstrap` and returns its log.
    pub(crate) async fn log(mut self) -> String {
        self.bootstrap.start_kill().unwrap();
        self.ended().await.1
    }

    /// Waits for the exit. Returns the exit status and the log. Asserts that each of its lines is JSON, and that there is no
    /// other output.
    pub(crate) async fn ended(mut self) -> (ExitStatus, String) {
        let (mut log, mut other) = (String::new(), String::new());
        let stdout = self.bootstrap.stdout.as_mut().unwrap().read_to_string(&mut log);
        let stderr = self.bootstrap.stderr.as_mut().unwrap().read_to_string(&mut other);
        let read = async { tokio::try_join!(stdout, stderr) };
        tokio::time::timeout(TIMEOUT, read).await.unwrap().unwrap();
        for line in log.lines() {
            assert!(serde_json::from_str::<Value>(line).is_ok_and(|line| line.is_object()), "{line}");
        }
        assert_eq!(other, "");
        (self.bootstrap.wait().await.unwrap(), log)
    }

    /// Sends a signal to `bootstrap`.
    #[cfg(unix)]
    pub(crate) async fn signal(&self, name: &str) {
        let id = self.bootstrap.id().unwrap().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status().await.unwrap();
        assert!(sent.success());
    }
}

/// `GET …/invocation/next` waits for an event; `POST` delivers the response.
async fn runtime_api(
    events: Arc<Mutex<mpsc::Receiver<Message>>>,
    answers: mpsc::Sender<Message>,
    request: Request,
) -> impl IntoResponse {
    let mut headers = HeaderMap::new();
    let (parts, body) = request.into_parts();
    if parts.method == http::Method::POST {
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        answers.send((parts.uri.path().to_owned(), body)).await.unwrap();
        return (StatusCode::ACCEPTED, headers, String::new());
    }
    assert_eq!(parts.uri.path(), "/2018-06-01/runtime/invocation/next");
    let Some((id, event)) = events.lock().await.recv().await else {
        return (StatusCode::INTERNAL_SERVER_ERROR, headers, String::new());
    };
    let deadline = jiff::Timestamp::now().as_millisecond() + 28_000;
    for (name, value) in [
        ("lambda-runtime-aws-request-id", id),
        ("lambda-runtime-deadline-ms", deadline.to_string()),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:eu-central-1:123456789012:function:acs-tokens".to_owned(),
        ),
    ] {
        headers.insert(HeaderName::from_static(name), value.parse().unwrap());
    }
    (StatusCode::OK, headers, event)
}

/// Converts the result of a function to an HTTP response, as API Gateway, a load balancer or a function URL does. They read
/// the field that the event has.
fn as_http(event: &Value, result: &Value) -> Answer {
    assert_eq!(result["isBase64Encoded"], false, "text must not be base64: {result}");
    let field = if event["multiValueHeaders"].is_object() { "multiValueHeaders" } else { "headers" };
    let mut headers = HeaderMap::new();
    for (name, values) in result[field].as_object().unwrap() {
        let name = HeaderName::try_from(name).unwrap();
        for value in values.as_array().map_or(slice::from_ref(values), Vec::as_slice) {
            headers.append(&name, value.as_str().unwrap().parse().unwrap());
        }
    }
    let status = u16::try_from(result["statusCode"].as_u64().unwrap()).unwrap();
    Answer { status, headers, body: result["body"].as_str().unwrap().to_owned() }
}
