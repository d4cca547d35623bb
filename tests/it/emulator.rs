//! The emulator's conformance: raw requests signed by hand, exact answers.
//!
//! Nothing here uses the crate's own client or signature: both ends of one's own code can share a mistake.

use std::{collections::BTreeMap, io, net::SocketAddr};

use acs_tokens::emulator::{DEVELOPMENT_KEY, Emulator, Options};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

mod authentication;
mod diagnosis;
mod faults;
mod kept;
mod keys;
mod managed_identity;
mod operations;
mod page;
mod refusals;
mod teams;
mod tls;
mod tokens;
mod versions;

const STABLE: &str = "api-version=2026-09-23";

/// An emulator of a test's own. It ends with the test's runtime.
struct Bench {
    address: SocketAddr,
}

/// What is signed; a test bends it to see what the emulator says.
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
struct Call {
    line: String,
    headers: Vec<(String, String)>,
    body: String,
}

/// An answer as it came over the wire.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: BTreeMap<String, String>,
    body: String,
}

impl Bench {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let emulator = Emulator::new(Options::default());
        tokio::spawn(async move { emulator.serve_http(listener).await });
        Self { address }
    }

    /// A request as an SDK would send it, rightly signed.
    fn call(&self, method: &str, target: &str, body: &str) -> Call {
        self.bent(method, target, body, |_| ())
    }

    /// A request that is right, but whose signature is over something else.
    fn bent(&self, method: &str, target: &str, body: &str, bend: impl FnOnce(&mut Signing)) -> Call {
        let date = Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let hash = STANDARD.encode(Sha256::digest(body));
        let host = self.address.to_string();
        let mut call = Call {
            line: format!("{method} {target} HTTP/1.1"),
            headers: vec![
                ("Host".to_owned(), host.clone()),
                ("x-ms-date".to_owned(), date.clone()),
                ("x-ms-content-sha256".to_owned(), hash.clone()),
                ("Content-Type".to_owned(), "application/json".to_owned()),
                ("Content-Length".to_owned(), body.len().to_string()),
            ],
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
        bend(&mut signing);
        call.set("Authorization", &signing.header());
        call
    }

    /// Sends a request on a connection of its own and reads to the end.
    async fn try_send(&self, call: &Call) -> io::Result<Answer> {
        let mut stream = TcpStream::connect(self.address).await?;
        stream.write_all(call.bytes().as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Answer::parse(&answer)
    }

    async fn send(&self, call: &Call) -> Answer {
        self.try_send(call).await.unwrap()
    }

    /// A right call and its answer.
    async fn ask(&self, method: &str, target: &str, body: &str) -> Answer {
        self.send(&self.call(method, target, body)).await
    }

    /// A call to the control API.
    async fn control(&self, method: &str, path: &str, body: &Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut call = self.call(method, &format!("/_emulator/{path}"), &body);
        call.remove("Authorization");
        self.send(&call).await
    }

    /// A new identity's id.
    async fn identity(&self) -> String {
        let answer = self.ask("POST", &format!("/identities?{STABLE}"), "{}").await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()["identity"]["id"].as_str().unwrap().to_owned()
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

impl Call {
    fn set(&mut self, name: &str, value: &str) {
        self.remove(name);
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    fn remove(&mut self, name: &str) {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    }

    fn bytes(&self) -> String {
        let headers: Vec<String> = self.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        format!("{}\r\n{}\r\nConnection: close\r\n\r\n{}", self.line, headers.join("\r\n"), self.body)
    }
}

impl Answer {
    /// Reads a whole answer; one that ends too early is an `UnexpectedEof`.
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
}
