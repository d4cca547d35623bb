//! An issuer: its name, and the way from it to its keys (OpenID Connect Discovery section 4).

use acs_identity::{causes, http::is_loopback};
use reqwest::{Client, Url};
use serde::{Deserialize, de::DeserializeOwned};

/// No issuer's document comes near it; Entra's keys are some 20 KiB.
const MAX_DOCUMENT: usize = 256 * 1024;

/// An OpenID Connect issuer, such as `https://login.microsoftonline.com/<tenant>/v2.0`.
#[derive(Debug, Clone)]
pub struct Issuer {
    /// As tokens spell it: compared letter by letter, so a slash at the end counts.
    name: String,
    url: Url,
    tenant: Option<String>,
}

/// A text that is no issuer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidIssuer {
    /// It does not parse as a URL.
    #[error("is not a URL")]
    NotAUrl,
    /// Neither https, nor http on this machine.
    #[error("is not https; plain http may be on a loopback address only")]
    Scheme,
    /// A user name, query or fragment is in it.
    #[error("has more than a host, a port and a path")]
    NotBare,
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

impl Issuer {
    /// An issuer as the settings name it, and for an Entra tenant among several the tenant that its tokens must name.
    ///
    /// # Errors
    /// What is wrong with the name.
    pub fn new(name: &str, tenant: Option<&str>) -> Result<Self, InvalidIssuer> {
        let url = Url::parse(name).map_err(|_| InvalidIssuer::NotAUrl)?;
        if !may_be_asked(&url) {
            return Err(InvalidIssuer::Scheme);
        }
        if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidIssuer::NotBare);
        }
        Ok(Self { name: name.to_owned(), url, tenant: tenant.map(str::to_owned) })
    }

    /// The name, as tokens spell it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }

    pub(super) fn is_loopback(&self) -> bool {
        is_loopback(&self.url)
    }

    /// The issuer's keys, as it publishes them. The error is for the log.
    pub(super) async fn fetch_keys<T: DeserializeOwned>(&self, http: &Client) -> Result<T, String> {
        let mut url = self.url.clone();
        url.set_path(&format!("{}/.well-known/openid-configuration", self.url.path().trim_end_matches('/')));
        let discovery: Discovery = fetch(http, url).await?;
        if discovery.issuer != self.name {
            return Err(format!("the discovery document of {} names another issuer", self.name));
        }
        let url = Url::parse(&discovery.jwks_uri).ok();
        // An issuer elsewhere must not make us ask for something on this machine.
        let url = url.filter(|url| may_be_asked(url) && (self.is_loopback() || !is_loopback(url)));
        let url =
            url.ok_or_else(|| format!("the discovery document of {} has a jwks_uri that is not https", self.name))?;
        fetch(http, url).await
    }
}

fn may_be_asked(url: &Url) -> bool {
    url.scheme() == "https" || url.scheme() == "http" && is_loopback(url)
}

async fn fetch<T: DeserializeOwned>(http: &Client, url: Url) -> Result<T, String> {
    let failed = |error: reqwest::Error| format!("fetching {url} failed: {}", causes(&error.without_url()));
    let mut response = http.get(url.clone()).send().await.map_err(failed)?;
    if response.status() != 200 {
        return Err(format!("fetching {url} gave {}", response.status()));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_DOCUMENT {
            return Err(format!("{url} is longer than {MAX_DOCUMENT} bytes"));
        }
    }
    serde_json::from_slice(&body).map_err(|error| format!("{url} is not what it should be: {error}"))
}
