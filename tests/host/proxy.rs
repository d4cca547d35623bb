//! PROXY: the host passes the request on as a reverse proxy and streams both ways (`enableProxyingHttpRequest`).

use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Bytes;
use hyper::header::{HOST, HeaderMap, HeaderName};
use hyper::{Request, Response, StatusCode};

use super::gateway::{Call, Gateway};
use super::journal::Severity;
use super::wire::{self, Body, Failure};

/// Attempts in all, while the program cannot be reached.
const ATTEMPTS: u32 = 10;

/// The headers of one connection, which are removed in both directions.
const HOP_BY_HOP: [&str; 17] = [
    "connection",
    "transfer-encoding",
    "keep-alive",
    "upgrade",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-authorization",
    "proxy-features",
    "proxy-instruction",
    "security-scheme",
    "alpn",
    "close",
    "http2-settings",
    "upgrade-insecure-requests",
    "te",
    "alt-svc",
];

/// Passes `call` on; every failure is a bare 500.
pub async fn pass(gateway: &Gateway, call: Call) -> Response<Body> {
    let headers = headers(gateway, &call);
    let target = format!("{}{}", wire::encode_path(&call.path), call.raw_query());
    let method = call.request.method().clone();
    let chunked = wire::content_length(call.request.headers()) == 0 && !wire::is_bodyless(call.request.body());
    // A body of known length is in the host's memory by now; one in chunks goes through as it comes, once.
    let mut body = if chunked {
        Sending::Streamed(Some(wire::streaming(call.request.into_body())))
    } else {
        match wire::collect(call.request.into_body()).await {
            Some(bytes) => Sending::Buffered(bytes),
            None => return wire::status(StatusCode::INTERNAL_SERVER_ERROR),
        }
    };
    let mut attempt = 0;
    loop {
        attempt += 1;
        let Some(next) = body.next() else { return wire::status(StatusCode::INTERNAL_SERVER_ERROR) };
        let mut request = Request::new(next);
        *request.method_mut() = method.clone();
        *request.uri_mut() = target.parse().unwrap_or_default();
        *request.headers_mut() = headers.clone();
        let failure = match wire::send(gateway.port, request).await {
            Ok(response) => return answer(response),
            Err(failure) => failure,
        };
        gateway.journal.log(Severity::Error, failure.to_string());
        // A stream cannot be sent twice.
        let again = matches!(failure, Failure::Connect(_)) || body.is_empty();
        if !again || attempt == ATTEMPTS {
            return wire::status(StatusCode::INTERNAL_SERVER_ERROR);
        }
        tokio::time::sleep(Duration::from_millis(match attempt {
            1 => 50,
            2 => 100,
            3 => 200,
            _ => 250,
        }))
        .await;
    }
}

/// A body on its way to the program.
enum Sending {
    Buffered(Bytes),
    /// Gone once it was taken.
    Streamed(Option<Body>),
}

impl Sending {
    fn next(&mut self) -> Option<Body> {
        match self {
            Self::Buffered(bytes) if bytes.is_empty() => Some(wire::empty()),
            Self::Buffered(bytes) => Some(wire::full(bytes.clone())),
            Self::Streamed(body) => body.take(),
        }
    }

    fn is_empty(&self) -> bool {
        matches!(self, Self::Buffered(bytes) if bytes.is_empty())
    }
}

fn headers(gateway: &Gateway, call: &Call) -> HeaderMap {
    let mut headers = call.request.headers().clone();
    strip(&mut headers);
    headers.remove("forwarded");
    headers.remove("x-forwarded-prefix");
    let host = headers.get(HOST).cloned();
    let mut set = |name: &'static str, text: &str| {
        headers.insert(HeaderName::from_static(name), wire::value(text));
    };
    let id = call.id.to_string();
    set("x-azure-functions-hostversion", wire::HOST_VERSION);
    set("x-azure-functions-invocationid", &id);
    set("x-ms-invocation-id", &id);
    set("x-forwarded-for", &call.remote.ip().to_string());
    set("x-forwarded-proto", "http");
    set("host", &format!("127.0.0.1:{}", gateway.port));
    if let Some(host) = host {
        headers.insert("x-forwarded-host", host);
    }
    headers
}

fn strip(headers: &mut HeaderMap) {
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
}

fn answer(response: Response<hyper::body::Incoming>) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    strip(&mut parts.headers);
    Response::from_parts(parts, body.map_err(Into::into).boxed())
}
