//! An OpenID Connect issuer and its discovery document (OpenID Connect Discovery section 4).

use acs_identity::{
    causes,
    http::{is_loopback, read_body},
};
use reqwest::{Client, Url};
use serde::{Deserialize, de::DeserializeOwned};

/// The longest accepted document. Entra's key set has about 20 KiB.
const MAX_DOCUMENT: usize = 256 * 1024;

/// An OpenID Connect issuer, such as `https://login.microsoftonline.com/<tenant>/v2.0`.
#[derive(Debug, Clone)]
pub struct Issuer {
    /// The value of `iss` in its tokens. It is compared exactly, so a trailing slash matters.
    name: String,
    url: Url,
    tenant: Option<String>,
}

/// The reason why a text is not an issuer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidIssuer {
    /// It does not parse as a URL.
    #[error("is not a URL")]
    NotAUrl,
    /// It is neither https nor http on a loopback address.
    #[error("is not https; plain http is allowed for loopback addresses only")]
    Scheme,
    /// It has a user name, a query or a fragment.
    #[error("has more than a host, a port and a path")]
    NotBare,
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

impl Issuer {
    /// Creates an issuer. If `tenant` is given, its tokens must have this `tid`.
    ///
    /// # Errors
    /// [`InvalidIssuer`] if the name is not the URL of an issuer.
    pub fn new(name: &str, tenant: Option<&str>) -> Result<Self, InvalidIssuer> {
        let url = Url::parse(name).map_err(|_| InvalidIssuer::NotAUrl)?;
        if !is_allowed(&url) {
            return Err(InvalidIssuer::Scheme);
        }
        if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidIssuer::NotBare);
        }
        Ok(Self { name: name.to_owned(), url, tenant: tenant.map(str::to_owned) })
    }

    /// Returns the value of `iss` in its tokens.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns whether tokens with this `tid` may come from this issuer.
    pub(super) fn matches_tenant(&self, tid: Option<&str>) -> bool {
        self.tenant.as_ref().is_none_or(|tenant| tid.is_some_and(|tid| tid.eq_ignore_ascii_case(tenant)))
    }

    /// Returns the URL below which its discovery document is.
    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// Fetches the key set that the discovery document names.
    pub(super) async fn fetch_keys<T: DeserializeOwned>(&self, http: &Client) -> Result<T, String> {
        let mut url = self.url.clone();
        url.set_path(&format!("{}/.well-known/openid-configuration", self.url.path().trim_end_matches('/')));
        let discovery: Discovery = fetch(http, url).await?;
        if discovery.issuer != self.name {
            let remedy = if discovery.issuer.trim_end_matches('/') == self.name.trim_end_matches('/') {
                "only the slash at the end differs, and it counts: set OIDC_ISSUERS to the name in the document"
            } else {
                "set OIDC_ISSUERS to the `iss` of a token"
            };
            let (name, found) = (&self.name, discovery.issuer);
            return Err(format!("the discovery document of {name} names the issuer {found:?}; {remedy}"));
        }
        let url = Url::parse(&discovery.jwks_uri).ok();
        // A remote issuer must not make this service request loopback addresses.
        let url = url.filter(|url| is_allowed(url) && (is_loopback(&self.url) || !is_loopback(url)));
        let url =
            url.ok_or_else(|| format!("the discovery document of {} has a jwks_uri that is not https", self.name))?;
        fetch(http, url).await
    }
}

fn is_allowed(url: &Url) -> bool {
    url.scheme() == "https" || url.scheme() == "http" && is_loopback(url)
}

async fn fetch<T: DeserializeOwned>(http: &Client, url: Url) -> Result<T, String> {
    let failed = |error: &(dyn std::error::Error + 'static)| format!("fetching {url} failed: {}", causes(error));
    let response = http.get(url.clone()).send().await.map_err(|error| failed(&error.without_url()))?;
    if response.status() != 200 {
        return Err(format!("fetching {url} returned {}", response.status()));
    }
    let body = read_body(response, MAX_DOCUMENT).await.map_err(|error| failed(&error))?;
    serde_json::from_slice(&body).map_err(|error| format!("{url} has an unexpected content: {error}"))
}
