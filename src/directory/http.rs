//! How the object store makes its requests: by the same HTTP client as everything else here.

use std::time::Duration;

use async_trait::async_trait;
use http_body_util::BodyExt as _;
use object_store::{
    ClientOptions,
    client::{
        HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody, HttpService,
    },
};

/// The time one request may take.
const TIMEOUT: Duration = Duration::from_secs(4);

/// Hands over the client that is there.
#[derive(Debug, Clone)]
pub(super) struct Connector(pub(super) reqwest::Client);

impl Connector {
    /// For a store on this machine, where no proxy would find it.
    pub(super) fn loopback() -> object_store::Result<Self> {
        client(reqwest::Client::builder().no_proxy()).map(Self)
    }
}

/// A client for stores alone.
pub(super) fn client(builder: reqwest::ClientBuilder) -> object_store::Result<reqwest::Client> {
    // A redirect would carry a credential to another host.
    let client = builder.redirect(reqwest::redirect::Policy::none()).connect_timeout(TIMEOUT).build();
    client.map_err(|error| object_store::Error::Generic { store: "HTTP", source: error.into() })
}

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Service(self.0.clone())))
    }
}

#[derive(Debug)]
struct Service(reqwest::Client);

#[async_trait]
impl HttpService for Service {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let request = self.0.request(parts.method, parts.uri.to_string()).headers(parts.headers).body(body);
        let response = request.timeout(TIMEOUT).send().await.map_err(broke)?;
        let mut answer = http::Response::new(());
        *answer.status_mut() = response.status();
        *answer.headers_mut() = response.headers().clone();
        // Records are small, and a page of a listing is at most some MB.
        let body = response.bytes().await.map_err(broke)?;
        Ok(answer.map(|()| HttpResponseBody::from(body)))
    }
}

/// The kind decides whether the store tries again.
fn broke(error: reqwest::Error) -> HttpError {
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
