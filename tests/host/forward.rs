//! FORWARD: the host builds a new request and buffers both directions (`enableForwardingHttpRequest`).

use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, TRANSFER_ENCODING, USER_AGENT};
use hyper::{Request, Response, StatusCode};

use super::gateway::{Call, Gateway};
use super::journal::Severity;
use super::wire::{self, Body};

/// The headers that .NET counts as content headers, which the host drops. It restores two of them if there is content.
const CONTENT_HEADERS: [&str; 11] = [
    "allow",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-length",
    "content-location",
    "content-md5",
    "content-range",
    "content-type",
    "expires",
    "last-modified",
];

/// Passes `call` on; every failure is a bare 500.
pub async fn pass(gateway: &Gateway, call: Call) -> Response<Body> {
    let failed = || wire::status(StatusCode::INTERNAL_SERVER_ERROR);
    // HttpClient does not send this header without a content, and the host passes none.
    if call.request.headers().contains_key(TRANSFER_ENCODING) {
        return failed();
    }
    let target = target(&call);
    let headers = headers(&call);
    let (parts, body) = call.request.into_parts();
    let Some(bytes) = wire::collect(body).await else { return failed() };
    let mut request = Request::new(if bytes.is_empty() { wire::empty() } else { wire::full(bytes) });
    *request.method_mut() = parts.method;
    *request.uri_mut() = target.parse().unwrap_or_default();
    *request.headers_mut() = headers;
    match wire::send(gateway.port, request).await {
        Ok(response) => buffered(response).await.unwrap_or_else(failed),
        Err(failure) => {
            gateway.journal.log(Severity::Error, failure.to_string());
            failed()
        }
    }
}

/// The path, cut where decoding made a `?` or `#` appear, and the query with each key once.
fn target(call: &Call) -> String {
    let path = call.path.split(['?', '#']).next().unwrap_or_default();
    // A percent sign that stayed after decoding belongs to `%2F`, which .NET's Uri keeps.
    let path = wire::encode_path(path).replace("%252F", "%2F").replace("%252f", "%2f");
    let pairs = wire::query(call.request.uri().query());
    if pairs.is_empty() {
        return path;
    }
    let pair = |(key, value): &(String, String)| format!("{}={}", wire::encode_data(key), wire::encode_data(value));
    format!("{path}?{}", pairs.iter().map(pair).collect::<Vec<_>>().join("&"))
}

fn headers(call: &Call) -> HeaderMap {
    let given = call.request.headers();
    let mut headers = HeaderMap::new();
    for name in given.keys().filter(|name| !CONTENT_HEADERS.contains(&name.as_str())) {
        headers.insert(name.clone(), wire::value(&wire::joined(given, name)));
    }
    if wire::content_length(given) > 0 {
        for name in [CONTENT_LENGTH, CONTENT_TYPE] {
            if let Some(value) = given.get(&name) {
                headers.insert(name, value.clone());
            }
        }
    }
    // Added, not set: what a client claims stays before it.
    append(&mut headers, "x-azure-functions-hostversion", wire::HOST_VERSION, ", ");
    append(&mut headers, "x-azure-functions-invocationid", &call.id.to_string(), ", ");
    append(&mut headers, USER_AGENT.as_str(), &format!("Azure-Functions-Host/{}", wire::HOST_VERSION), " ");
    headers
}

fn append(headers: &mut HeaderMap, name: &'static str, text: &str, separator: &str) {
    let before = headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let text = before.map_or(text.to_owned(), |before| format!("{before}{separator}{text}"));
    headers.insert(name, wire::value(&text));
}

/// The whole answer, with a length in place of chunks.
async fn buffered(response: Response<hyper::body::Incoming>) -> Option<Response<Body>> {
    let (mut parts, body) = response.into_parts();
    let bytes = wire::collect(body).await?;
    parts.headers.remove(TRANSFER_ENCODING);
    if !bytes.is_empty() {
        parts.headers.insert(CONTENT_LENGTH, bytes.len().into());
    }
    Some(Response::from_parts(parts, if bytes.is_empty() { wire::empty() } else { wire::full(bytes) }))
}
