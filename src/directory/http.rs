//! Connects the object store to the HTTP client of this service. The connector of `object_store` would add HTTP/2.

use std::{net::IpAddr, time::Duration};

use acs_identity::http::{TlsError, check_root_certificates, client_builder, is_loopback};
use async_trait::async_trait;
use http_body_util::BodyExt as _;
use object_store::{
    ClientOptions,
    client::{
        HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody, HttpService,
    },
};
use reqwest::{StatusCode, Url};

use super::answer::StoreAnswer;

/// Timeout of one request.
const TIMEOUT: Duration = Duration::from_secs(4);

/// Provides the clients for requests to a store and for its credentials.
#[derive(Debug, Clone)]
pub(super) struct Connector {
    http: reqwest::Client,
    /// For addresses of this machine, whose requests must not pass through a proxy.
    direct: reqwest::Client,
}

impl Connector {
    /// Creates the clients. With `https`, the store is requested over https, for which root certificates are needed.
    pub(super) fn new(http: &reqwest::Client, https: bool) -> Result<Self, TlsError> {
        if https {
            check_root_certificates()?;
        }
        Ok(Self { http: http.clone(), direct: client_builder().no_proxy().build()? })
    }
}

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait]
impl HttpService for Connector {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let url: Url = parts.uri.to_string().parse().map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))?;
        let http = if is_local(&url) { &self.direct } else { &self.http };
        let request = http.request(parts.method, url).headers(parts.headers).body(body);
        let response = request.timeout(TIMEOUT).send().await.map_err(convert)?;
        let mut answer = http::Response::new(());
        *answer.status_mut() = response.status();
        *answer.headers_mut() = response.headers().clone();
        // Records are small, and a page of a listing is at most a few MB.
        let body = response.bytes().await.map_err(convert)?;
        match StoreAnswer::read(answer.status(), answer.headers(), &body) {
            Some(refused) => Err(refused.into()),
            None => Ok(answer.map(|()| HttpResponseBody::from(body))),
        }
    }
}

/// Returns whether the URL's host is this machine, or has one of the addresses at which AWS provides credentials.
pub(crate) fn is_local(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    is_loopback(url)
        || match host.parse() {
            Ok(IpAddr::V4(address)) => address.is_link_local(),
            Ok(IpAddr::V6(address)) => address.segments()[..2] == [0xfd00, 0xec2],
            Err(_) => false,
        }
}

impl From<StoreAnswer> for HttpError {
    /// The kind decides whether the object store retries.
    fn from(answer: StoreAnswer) -> Self {
        let retry = answer.status.is_server_error()
            || matches!(answer.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT);
        Self::new(if retry { HttpErrorKind::Request } else { HttpErrorKind::Unknown }, answer)
    }
}

/// Converts an error. Its kind decides whether the object store retries.
fn convert(error: reqwest::Error) -> HttpError {
    let kind = if error.is_connect() {
        HttpErrorKind::Connect
    } else if error.is_timeout() {
        HttpErrorKind::Timeout
    } else if error.is_request() || error.is_body() {
        HttpErrorKind::Interrupted
    } else {
        HttpErrorKind::Unknown
    };
    HttpError::new(kind, error.without_url())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_credentials_are_requested_without_a_proxy() {
        for (url, local) in [
            ("http://127.0.0.1:9000/users", true),
            ("http://localhost:9000", true),
            ("http://169.254.170.23/v1/credentials", true),
            ("http://169.254.169.254/latest", true),
            ("http://[fd00:ec2::23]/v1/credentials", true),
            ("https://s3.eu-central-1.amazonaws.com/users", false),
            ("http://10.0.0.1/users", false),
            ("http://[fd00::1]/users", false),
        ] {
            assert_eq!(is_local(&url.parse().unwrap()), local, "{url}");
        }
    }
}
