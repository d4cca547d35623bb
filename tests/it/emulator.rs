//! Conformance tests of the emulator: raw requests, signed here, and exact answers.
//!
//! They do not use the client or the signature of this project: both ends can share a mistake.

use std::{collections::BTreeMap, io, net::SocketAddr};

use acs_tokens::emulator::{DEVELOPMENT_KEY, Emulator, Options};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

mod authentication;
mod control;
mod diagnosis;
mod errors;
mod faults;
mod managed_identity;
mod operations;
mod page;
mod recorded;
mod sign_in;
mod state_file;
mod teams;
mod teams_phone;
mod tls;
mod tokens;

const CREATE: &str = "/identities?api-version=2026-09-23";

/// Returns the target of an operation on an identity, such as `/:issueAccessToken`.
fn target(id: &str, operation: &str) -> String {
    format!("/identities/{id}{operation}?api-version=2026-09-23")
}

/// An emulator of one test. It ends with the runtime of the test.
struct Server {
    address: SocketAddr,
}

/// The signed parts of a request. A test changes them to get a wrong signature.
struct Signing {
    key: Vec<u8>,
    method: String,
    target: String,
    names: Vec<&'static str>,
    values: Vec<String>,
    separator: &'static str,
}

/// A request, byte for byte.
#[derive(Clone)]
struct Request {
    line: String,
    headers: Vec<(String, String)>,
    body: String,
}

/// An answer as received.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: BTreeMap<String, String>,
    body: String,
}

impl Server {
    async fn start() -> Self {
        Self::with(Options::default()).await
    }

    async fn with(options: Options) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { Emulator::new(options).serve_http(listener).await });
        Self { address }
    }

    /// Returns a correctly signed request.
    fn request(&self, method: &str, target: &str, body: &str) -> Request {
        self.signed(method, target, body, |_| ())
    }

    /// Returns a request whose signature is over something else.
    fn signed(&self, method: &str, target: &str, body: &str, change: impl FnOnce(&mut Signing)) -> Request {
        let date = Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let hash = STANDARD.encode(Sha256::digest(body));
        let host = self.address.to_string();
        let headers = [
            ("Host", host.clone()),
            ("x-ms-date", date.clone()),
            ("x-ms-content-sha256", hash.clone()),
            ("Content-Type", "application/json".to_owned()),
            ("Content-Length", body.len().to_string()),
        ];
        let mut request = Request {
            line: format!("{method} {target} HTTP/1.1"),
            headers: headers.map(|(name, value)| (name.to_owned(), value)).to_vec(),
            body: body.to_owned(),
        };
        let mut signing = Signing {
            key: STANDARD.decode(DEVELOPMENT_KEY).unwrap(),
            method: method.to_owned(),
            target: target.to_owned(),
            names: vec!["x-ms-date", "host", "x-ms-content-sha256"],
            values: vec![date, host, hash],
            separator: ";",
        };
        change(&mut signing);
        request.set("Authorization", &signing.header());
        request
    }

    /// Returns a request that is signed with another key.
    fn signed_with(&self, key: &str, target: &str, body: &str) -> Request {
        self.signed("POST", target, body, |signing| signing.key = STANDARD.decode(key).unwrap())
    }

    async fn try_send(&self, request: &Request) -> io::Result<Answer> {
        request.send_on(TcpStream::connect(self.address).await?).await
    }

    async fn send(&self, request: &Request) -> Answer {
        self.try_send(request).await.unwrap()
    }

    /// Sends a correctly signed request.
    async fn call(&self, method: &str, target: &str, body: &str) -> Answer {
        self.send(&self.request(method, target, body)).await
    }

    /// Sends a request to the control API.
    async fn control(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.send(&self.control_request(method, path, body)).await
    }

    fn control_request(&self, method: &str, path: &str, body: &Value) -> Request {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut request = self.request(method, &format!("/_emulator/{path}"), &body);
        request.remove("Authorization");
        request
    }

    /// Returns a document of the control API.
    async fn get(&self, path: &str) -> Value {
        self.control("GET", path, &Value::Null).await.json()
    }

    /// Posts to the control API and returns its answer.
    async fn post(&self, path: &str, body: &Value) -> Value {
        let answer = self.control("POST", path, body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    /// Sends a request to the control API that is answered with 204.
    async fn order(&self, method: &str, path: &str, body: &Value) {
        let answer = self.control(method, path, body).await;
        assert_eq!((answer.status, answer.body.as_str()), (204, ""), "{answer:?}");
    }

    /// Creates an identity and returns its id.
    async fn identity(&self) -> String {
        let answer = self.call("POST", CREATE, "{}").await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()["identity"]["id"].as_str().unwrap().to_owned()
    }

    /// Issues a token.
    async fn token(&self, id: &str, body: &str) -> String {
        let answer = self.call("POST", &target(id, "/:issueAccessToken"), body).await;
        answer.json()["token"].as_str().unwrap().to_owned()
    }

    /// Returns the status of a token.
    async fn token_status(&self, token: &str) -> Value {
        self.post("tokens/check", &serde_json::json!({ "token": token })).await["status"].clone()
    }
}

impl Signing {
    fn text(&self) -> String {
        format!("{}\n{}\n{}", self.method, self.target, self.values.join(self.separator))
    }

    fn header(&self) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).unwrap();
        mac.update(self.text().as_bytes());
        let signature = STANDARD.encode(mac.finalize().into_bytes());
        format!("HMAC-SHA256 SignedHeaders={}&Signature={signature}", self.names.join(";"))
    }
}

impl Request {
    fn set(&mut self, name: &str, value: &str) {
        self.remove(name);
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    fn remove(&mut self, name: &str) -> Option<(String, String)> {
        let at = self.headers.iter().position(|(known, _)| known.eq_ignore_ascii_case(name))?;
        Some(self.headers.remove(at))
    }

    fn bytes(&self) -> String {
        let headers: Vec<String> = self.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        format!("{}\r\n{}\r\nConnection: close\r\n\r\n{}", self.line, headers.join("\r\n"), self.body)
    }

    /// Sends the request on a connection of its own and reads to the end.
    async fn send_on(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<Answer> {
        stream.write_all(self.bytes().as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Answer::parse(&answer)
    }
}

impl Answer {
    /// Parses a complete answer. Returns `UnexpectedEof` for a truncated one.
    fn parse(bytes: &[u8]) -> io::Result<Self> {
        let eof = || io::Error::from(io::ErrorKind::UnexpectedEof);
        let text = String::from_utf8_lossy(bytes);
        let (head, mut rest) = text.split_once("\r\n\r\n").ok_or_else(eof)?;
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).ok_or_else(eof)?;
        let headers: BTreeMap<String, String> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        let mut body = String::new();
        if headers.get("transfer-encoding").is_some_and(|value| value == "chunked") {
            loop {
                let (size, after) = rest.split_once("\r\n").ok_or_else(eof)?;
                let size = usize::from_str_radix(size, 16).map_err(|_| eof())?;
                body.push_str(after.get(..size).ok_or_else(eof)?);
                rest = after.get(size + 2..).ok_or_else(eof)?;
                if size == 0 {
                    break;
                }
            }
        } else {
            let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
            body.push_str(rest.get(..length).ok_or_else(eof)?);
        }
        Ok(Self { status, headers, body })
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// Checks status and body of an error of the REST API: JSON without a charset, sent chunked.
    #[track_caller]
    fn assert_error(&self, status: u16, code: &str, message: &str, target: Option<&str>) {
        let mut error = serde_json::json!({ "code": code, "message": message });
        if let Some(target) = target {
            error["target"] = target.into();
        }
        // Members of `Value` are in alphabetical order, as those of the answer are.
        let expected = serde_json::json!({ "error": error }).to_string();
        assert_eq!((self.status, &self.body), (status, &expected));
        assert_eq!(self.header("content-type"), Some("application/json"));
        assert_eq!(self.header("transfer-encoding"), Some("chunked"));
        assert_eq!(self.header("content-length"), None);
        assert!(self.header("ms-cv").is_some());
    }
}
