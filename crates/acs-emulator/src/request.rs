//! A request as received: nothing is decoded or normalized.

use std::{borrow::Cow, net::SocketAddr};

use bytes::Bytes;
use http::{HeaderMap, header, request::Parts};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;
use jiff::Timestamp;
use percent_encoding::percent_decode_str;

use crate::api_error::ApiError;

/// The longest body that is read. The limit of ACS is not recorded.
const MAX_BODY: usize = 1024 * 1024;

/// A request with its whole body.
pub(crate) struct Received {
    pub(crate) parts: Parts,
    pub(crate) body: Bytes,
    pub(crate) peer: SocketAddr,
    /// Whether the request came over https.
    pub(crate) secure: bool,
    pub(crate) at: Timestamp,
}

impl Received {
    /// Returns path and query exactly as in the request line.
    pub(crate) fn target(&self) -> &str {
        self.parts.uri.path_and_query().map_or("/", |target| target.as_str())
    }

    pub(crate) fn path(&self) -> &str {
        self.parts.uri.path()
    }

    pub(crate) const fn headers(&self) -> &HeaderMap {
        &self.parts.headers
    }

    /// Returns the value of a header that was sent exactly once, in ASCII. Of two values, the signed one may not be
    /// the one that another reader uses.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers().get_all(name).iter();
        values.next().filter(|_| values.next().is_none())?.to_str().ok()
    }

    /// Returns the scheme and host of the request, such as `http://127.0.0.1:7072`.
    pub(crate) fn origin(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        format!("{scheme}://{}", self.header("host").unwrap_or_default())
    }

    /// Returns a query parameter, percent-decoded.
    pub(crate) fn query(&self, name: &str) -> Option<Cow<'_, str>> {
        let pairs = self.parts.uri.query().unwrap_or_default().split('&');
        let value = pairs.filter_map(|pair| pair.split_once('=')).find(|(known, _)| *known == name)?.1;
        Some(percent_decode_str(value).decode_utf8_lossy())
    }

    /// Returns whether the Content-Type is `application/json`.
    pub(crate) fn is_json(&self) -> bool {
        let content_type = self.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media_type = content_type.unwrap_or_default().split(';').next().unwrap_or_default();
        media_type.trim().eq_ignore_ascii_case("application/json")
    }
}

/// Returns the host without its port. JavaScript SDKs before 2.4.2 send the port twice, as in `localhost:7072:7072`;
/// both are removed.
pub(crate) fn host_without_port(host: &str) -> &str {
    let from = host.rfind(']').unwrap_or(0); // skips the colons of an IPv6 address
    host[from..].find(':').map_or(host, |at| &host[..from + at])
}

/// Reads a whole body.
pub(crate) async fn read(body: Incoming) -> Result<Bytes, ApiError> {
    match Limited::new(body, MAX_BODY).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(ApiError::TooLarge),
        Err(_) => Err(ApiError::Malformed("it is incomplete".to_owned())),
    }
}
