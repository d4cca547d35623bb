//! The endpoint of an ACS resource: an https origin, or a plain http origin on this machine.

use std::{fmt, str::FromStr};

use reqwest::Url;

use crate::http::is_loopback;

/// The endpoint of an ACS resource, such as `https://contoso.europe.communication.azure.com/`, or without a data location
/// for older resources.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint(Url);

/// The error for a text that is not an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEndpoint {
    /// It is not a URL, or its host is not a host name or IP address.
    #[error(
        "the endpoint is not a URL; copy it from the resource's Overview, such as https://contoso.europe.communication.azure.com"
    )]
    NotAUrl,
    /// It does not begin with a scheme and `://`.
    #[error("the endpoint has no scheme; begin it with https://, or with http:// on this machine")]
    NoScheme,
    /// The scheme is neither https nor http.
    #[error("the endpoint is not an https URL")]
    Scheme,
    /// Plain http to another machine would expose tokens to the network.
    #[error("the endpoint is plain http, which is allowed for loopback addresses only; use https")]
    PlainHttp,
    /// It has a user name, path, query or fragment.
    #[error("the endpoint has more than a scheme, a host and a port; remove the rest")]
    NotBare,
}

impl Endpoint {
    /// Returns the URL; its path is `/`.
    #[must_use]
    pub const fn url(&self) -> &Url {
        &self.0
    }

    /// Returns whether the host is this machine: `localhost`, `127.0.0.0/8` or `[::1]`.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.0)
    }

    /// Returns the value of the `Host` header: with the port, unless it is the default of the scheme.
    #[must_use]
    pub fn host(&self) -> String {
        let host = self.0.host_str().unwrap_or_default();
        self.0.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }
}

impl FromStr for Endpoint {
    type Err = InvalidEndpoint;

    fn from_str(text: &str) -> Result<Self, InvalidEndpoint> {
        let text = text.trim();
        // `contoso.example:443` parses as a URL whose scheme is the host.
        if !text.contains("://") {
            return Err(InvalidEndpoint::NoScheme);
        }
        let url = Url::parse(text).map_err(|_| InvalidEndpoint::NotAUrl)?;
        // A URL's host may contain other characters, such as `;`, which separates the parts of a connection string.
        let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._[]:".contains(&b);
        if !url.host_str().unwrap_or_default().bytes().all(is_allowed) {
            return Err(InvalidEndpoint::NotAUrl);
        }
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&url) => {}
            "http" => return Err(InvalidEndpoint::PlainHttp),
            _ => return Err(InvalidEndpoint::Scheme),
        }
        let bare = url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        if bare { Ok(Self(url)) } else { Err(InvalidEndpoint::NotBare) }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_and_loopback_endpoints_are_accepted() {
        for (text, url, host) in [
            (
                "https://contoso.communication.azure.com",
                "https://contoso.communication.azure.com/",
                "contoso.communication.azure.com",
            ),
            (
                "https://contoso.communication.azure.com:443/",
                "https://contoso.communication.azure.com/",
                "contoso.communication.azure.com",
            ),
            ("http://localhost:7072/", "http://localhost:7072/", "localhost:7072"),
            ("http://127.8.9.1:7072", "http://127.8.9.1:7072/", "127.8.9.1:7072"),
            (" http://[::1]:7072 ", "http://[::1]:7072/", "[::1]:7072"),
        ] {
            let endpoint: Endpoint = text.parse().unwrap();
            assert_eq!((endpoint.to_string().as_str(), endpoint.host().as_str()), (url, host));
        }
    }

    #[test]
    fn other_endpoints_are_rejected_with_a_reason() {
        for (text, error) in [
            ("", InvalidEndpoint::NoScheme),
            ("contoso.communication.azure.com", InvalidEndpoint::NoScheme),
            ("localhost:7072", InvalidEndpoint::NoScheme),
            ("https:/contoso.communication.azure.com", InvalidEndpoint::NoScheme),
            ("https://", InvalidEndpoint::NotAUrl),
            // U+037E becomes a semicolon in a host name. Found by fuzzing.
            ("https://contoso\u{37e}communication.azure.com", InvalidEndpoint::NotAUrl),
            ("https://contoso{communication.azure.com", InvalidEndpoint::NotAUrl),
            ("ftp://contoso.communication.azure.com", InvalidEndpoint::Scheme),
            ("http://contoso.communication.azure.com", InvalidEndpoint::PlainHttp),
            ("http://localhost.evil.example", InvalidEndpoint::PlainHttp),
            ("https://contoso.communication.azure.com/identities", InvalidEndpoint::NotBare),
            ("https://user:secret@contoso.communication.azure.com", InvalidEndpoint::NotBare),
            ("https://contoso.communication.azure.com?x", InvalidEndpoint::NotBare),
        ] {
            assert_eq!(text.parse::<Endpoint>().unwrap_err(), error, "{text}");
        }
    }
}
