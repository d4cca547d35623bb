//! HTTP clients with the settings that requests with credentials need, and bounded response bodies.
//!
//! The client uses these functions itself. They are public so that other requests of the same program can use them.

use std::time::Duration;

use reqwest::{Client, ClientBuilder, Response, Url, redirect, retry};

use crate::tls;
pub use crate::{
    connect_failure::ConnectFailure,
    retry_after::retry_after,
    root_certificates::NoRootCertificates,
    tls::{TlsError, check_root_certificates, read_root_certificates},
};

/// Returns a builder of HTTP clients: no redirects, a connect timeout of 5 s, TCP keep-alive, and an idle timeout.
///
/// All clients share one TLS configuration, so certificates that are added to the builder are not used. On a machine
/// without root certificates, a client can send requests over http, and connections over https fail.
pub fn client_builder() -> ClientBuilder {
    tls::configure(Client::builder())
        .user_agent(concat!("acs-identity/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(Duration::from_secs(5))
        // Azure's front end closes idle connections after some minutes. Closing them first avoids a failed request.
        .pool_idle_timeout(Duration::from_secs(55))
        .tcp_keepalive(Duration::from_secs(30))
        // A redirect would carry the credential to another host.
        .redirect(redirect::Policy::none())
        // The client repeats requests itself. Without this, reqwest copies each request in case it has to repeat it.
        .retry(retry::never().max_retries_per_request(0))
}

/// Returns the same builder for requests to one URL: a loopback URL is never requested through a proxy.
///
/// # Errors
/// [`TlsError::NoRootCertificates`] if the URL is https and [`check_root_certificates`] finds none.
pub fn client_builder_for(url: &Url) -> Result<ClientBuilder, TlsError> {
    if url.scheme() == "https" {
        check_root_certificates()?;
    }
    // Loopback URLs may be plain http; a proxy would carry the request across the network.
    Ok(if is_loopback(url) { client_builder().no_proxy() } else { client_builder() })
}

/// Returns whether the URL's host is this machine: `localhost`, `127.0.0.0/8` or `[::1]`.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|ip| ip.is_loopback())
}

/// The reason why a response body was not read.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The connection failed before the end of the body.
    #[error("the connection failed before the end of the response body")]
    Connection(#[from] reqwest::Error),
    /// The body is longer than the limit.
    #[error("the response body is longer than {0} bytes")]
    TooLong(usize),
}

/// Reads a response body of up to `limit` bytes.
///
/// # Errors
/// [`BodyError`] if the connection fails or the body is longer.
pub async fn read_body(mut response: Response, limit: usize) -> Result<Vec<u8>, BodyError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > limit {
            return Err(BodyError::TooLong(limit));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
