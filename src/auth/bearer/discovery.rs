//! The documents of an issuer: the discovery document (OpenID Connect Discovery section 4) and the key set.

use std::time::Duration;

use acs_identity::{
    causes,
    http::{TlsError, client_builder_for, is_loopback, read_body, retry_after},
};
use jiff::Timestamp;
use reqwest::{Client, StatusCode, Url};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::{
    issuer::{Issuer, is_allowed},
    key_set::KeySet,
};
use crate::refreshing::FetchError;

/// The longest accepted document. Entra's key set has about 20 KiB.
const MAX_DOCUMENT: usize = 256 * 1024;

/// The time for one of the two requests.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

#[derive(Deserialize)]
struct WireKeySet {
    keys: Vec<Value>,
}

/// An issuer whose documents were fetched and agree with the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedIssuer {
    /// The address of the key set.
    pub keys_address: Url,
    /// The number of keys that can check signatures.
    pub usable_keys: usize,
}

/// The reason why the keys of an issuer are not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IssuerError {
    /// A document could not be fetched.
    #[error("fetching {url} failed: {cause}")]
    Unreachable {
        /// The address of the document.
        url: String,
        /// The cause.
        cause: String,
    },
    /// The response has another status than 200.
    #[error("fetching {url} returned {status}{}", hint(*.status))]
    Status {
        /// The address of the document.
        url: String,
        /// The status.
        status: u16,
        /// The time to wait before the next request.
        retry_after: Option<Duration>,
    },
    /// The document is not what it should be.
    #[error("{url} has an unexpected content: {cause}")]
    Content {
        /// The address of the document.
        url: String,
        /// The cause.
        cause: String,
    },
    /// The discovery document is another issuer's.
    #[error("the discovery document of {expected} names the issuer {found:?}; {}", remedy(.expected, .found))]
    OtherIssuer {
        /// The issuer in the settings.
        expected: String,
        /// The issuer in the document.
        found: String,
    },
    /// The address of the key set may not be requested.
    #[error("the discovery document of {0} has a jwks_uri that is not https")]
    KeysAddress(String),
    /// The key set has no key that can check signatures.
    #[error("the key set of {0} has no usable key: RSA of 2048 bits or more, P-256 or Ed25519, with a kid")]
    NoUsableKey(String),
}

fn hint(status: u16) -> &'static str {
    match status {
        300..400 => "; redirects are not followed: set the address that it leads to as `metadata`",
        404 => "; compare the issuer with the `iss` of a token, or set the address as `metadata`",
        _ => "",
    }
}

fn remedy(expected: &str, found: &str) -> &'static str {
    if expected.trim_end_matches('/') == found.trim_end_matches('/') {
        "only the slash at the end differs, and it counts: set OIDC_ISSUERS to the name in the document"
    } else {
        "set OIDC_ISSUERS to the `iss` of a token, and `metadata` if the document has another address"
    }
}

impl FetchError for IssuerError {
    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

impl Issuer {
    /// Fetches the discovery document and the key set, and compares the issuer.
    ///
    /// # Errors
    /// [`IssuerError`] if the tokens of this issuer could not be validated.
    pub async fn verify(&self) -> Result<VerifiedIssuer, IssuerError> {
        let failed =
            |error: TlsError| IssuerError::Unreachable { url: self.metadata().to_string(), cause: causes(&error) };
        let (keys_address, keys) = self.fetch_keys(&self.client().map_err(failed)?).await?;
        Ok(VerifiedIssuer { keys_address, usable_keys: keys.len() })
    }

    /// Returns a client for the documents of this issuer.
    pub(super) fn client(&self) -> Result<Client, TlsError> {
        Ok(client_builder_for(self.metadata())?.timeout(REQUEST_TIMEOUT).build()?)
    }

    /// Fetches the key set that the discovery document names, and returns its address too.
    pub(super) async fn fetch_keys(&self, http: &Client) -> Result<(Url, KeySet), IssuerError> {
        let discovery: Discovery = fetch(http, self.metadata()).await?;
        if discovery.issuer != self.name() {
            return Err(IssuerError::OtherIssuer { expected: self.name().to_owned(), found: discovery.issuer });
        }
        let url = Url::parse(&discovery.jwks_uri).ok();
        // A remote issuer must not make this service request loopback addresses.
        let url = url.filter(|url| is_allowed(url) && (is_loopback(self.metadata()) || !is_loopback(url)));
        let url = url.ok_or_else(|| IssuerError::KeysAddress(self.name().to_owned()))?;
        let wire: WireKeySet = fetch(http, &url).await?;
        let keys = KeySet::from_iter(wire.keys);
        if keys.len() == 0 { Err(IssuerError::NoUsableKey(self.name().to_owned())) } else { Ok((url, keys)) }
    }
}

async fn fetch<T: DeserializeOwned>(http: &Client, url: &Url) -> Result<T, IssuerError> {
    let name = || url.to_string();
    let failed =
        |error: &(dyn std::error::Error + 'static)| IssuerError::Unreachable { url: name(), cause: causes(error) };
    let response = http.get(url.clone()).send().await.map_err(|error| failed(&error.without_url()))?;
    let status = response.status();
    if status != StatusCode::OK {
        // RFC 9110 section 10.2.3: with other statuses, the field does not ask for fewer requests.
        let throttled = matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
        let retry_after = if throttled { retry_after(response.headers(), Timestamp::now()) } else { None };
        return Err(IssuerError::Status { url: name(), status: status.as_u16(), retry_after });
    }
    let body = read_body(response, MAX_DOCUMENT).await.map_err(|error| failed(&error))?;
    serde_json::from_slice(&body).map_err(|error| IssuerError::Content { url: name(), cause: error.to_string() })
}
