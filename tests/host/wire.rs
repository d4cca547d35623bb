//! HTTP between client, host and program: bodies, one request over one connection, paths as Kestrel reads them.

use std::fmt;

use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, Full, LengthLimitError, Limited};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use tokio::net::TcpStream;

pub type Error = Box<dyn std::error::Error + Send + Sync>;
pub type Body = BoxBody<Bytes, Error>;

/// The version that the host reports. Versions from 4.1045 on have all features of the stand-in.
pub const HOST_VERSION: &str = "4.1052.200.0";
/// The host's limit of a request body, in bytes.
const BODY_LIMIT: usize = 104_857_600;

/// Why the program gave no answer.
#[derive(Debug)]
pub enum Failure {
    /// There was no connection, so the request was not sent.
    Connect(Error),
    /// The connection broke after the request was on its way.
    Broken(Error),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(error) => write!(f, "cannot reach the program: {error}"),
            Self::Broken(error) => write!(f, "the program gave no answer: {error}"),
        }
    }
}

pub fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed()
}

pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed()
}

pub fn streaming(body: Incoming) -> Body {
    body.map_err(Into::into).boxed()
}

/// An answer of the host's own, without a body.
pub fn status(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(empty());
    *response.status_mut() = status;
    response
}

/// Sends one request to `port` of this machine, over a connection of its own. The request's target and headers go as
/// they are.
pub async fn send(port: u16, request: Request<Body>) -> Result<Response<Incoming>, Failure> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.map_err(|error| Failure::Connect(error.into()))?;
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|error| Failure::Connect(error.into()))?;
    tokio::spawn(connection);
    sender.send_request(request).await.map_err(|error| Failure::Broken(error.into()))
}

/// A whole body; `None` when it is over the host's limit or breaks off.
pub async fn collect(body: Incoming) -> Option<Bytes> {
    match Limited::new(body, BODY_LIMIT).collect().await {
        Ok(collected) => Some(collected.to_bytes()),
        Err(error) => {
            debug_assert!(error.is::<LengthLimitError>() || error.is::<hyper::Error>(), "{error}");
            None
        }
    }
}

/// Returns whether a request has no body: neither Content-Length nor chunks.
pub fn is_bodyless(body: &Incoming) -> bool {
    body.is_end_stream()
}

/// The Content-Length, 0 when there is none.
pub fn content_length(headers: &HeaderMap) -> u64 {
    headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok()).unwrap_or(0)
}

/// The values of a header as .NET joins them.
pub fn joined(headers: &HeaderMap, name: &HeaderName) -> String {
    let values: Vec<_> = headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
    values.join(", ")
}

/// A header value of text that may hold anything a request can.
pub fn value(text: &str) -> HeaderValue {
    HeaderValue::from_bytes(text.as_bytes()).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// The path as Kestrel gives it to the host: percent-decoded but for `%2F`, without dot segments. `None` when it is not
/// UTF-8, which Kestrel refuses.
pub fn decode_path(raw: &str) -> Option<String> {
    let kept = raw.replace("%2F", "%252F").replace("%2f", "%252f");
    let decoded = percent_decode_str(&kept).decode_utf8().ok()?;
    let mut parts: Vec<&str> = Vec::new();
    let segments: Vec<&str> = decoded.split('/').skip(1).collect();
    for (index, part) in segments.iter().enumerate() {
        let last = index + 1 == segments.len();
        match *part {
            "." | ".." => {
                if *part == ".." {
                    parts.pop();
                }
                if last {
                    parts.push("");
                }
            }
            part => parts.push(part),
        }
    }
    Some(format!("/{}", parts.join("/")))
}

/// RFC 3986 `pchar` and the slash. A percent sign is encoded again.
const PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// RFC 3986 unreserved characters, which `Uri.EscapeDataString` leaves.
const DATA: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

pub fn encode_path(path: &str) -> String {
    utf8_percent_encode(path, PATH).to_string()
}

pub fn encode_data(text: &str) -> String {
    utf8_percent_encode(text, DATA).to_string()
}

/// The query as the host holds it: each key once, in order, its values joined by a comma; keys of any case are one.
pub fn query(raw: Option<&str>) -> Vec<(String, String)> {
    let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    let mut found: Vec<(String, String)> = Vec::new();
    for pair in raw.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (key, value) = (decode(key), decode(value));
        match found.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(&key)) {
            Some((_, values)) => values.extend([",", &value]),
            None => found.push((key, value)),
        }
    }
    found
}
