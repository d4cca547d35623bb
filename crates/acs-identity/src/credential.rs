//! What a call is authorised with: access keys that sign it, or a bearer token of Entra.

#[cfg(feature = "lambda")]
pub mod aws;
mod entra;
mod keys;
mod token_cache;

use jiff::Timestamp;
use reqwest::{
    Method, Url,
    header::{AUTHORIZATION, HeaderMap},
};

pub use entra::{Entra, Failure, Way};
pub use keys::Keys;

use super::{
    Error,
    endpoint::Endpoint,
    signature::{self, AccessKey},
};

/// How a client proves that it may call its ACS resource.
#[derive(Debug, Clone)]
pub enum Credential {
    /// By access keys: each request is signed with one.
    Keys(Keys),
    /// By a token that Entra gave this workload, or its developer.
    Entra(Entra),
}

/// What one try was authorised with, to be told what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    Key(keys::Which),
    Token(token_cache::Number),
}

impl From<AccessKey> for Credential {
    fn from(key: AccessKey) -> Self {
        Self::Keys(Keys::new(key, None))
    }
}

impl Credential {
    /// The headers that authorise one try.
    ///
    /// # Errors
    /// [`Error::Credential`] where no token is to be had. None with keys.
    pub(super) async fn authorise(
        &self,
        http: &reqwest::Client,
        endpoint: &Endpoint,
        method: &Method,
        url: &Url,
        body: &[u8],
    ) -> Result<(HeaderMap, Proof), Error> {
        match self {
            Self::Keys(keys) => {
                let (which, key) = keys.preferred();
                Ok((sign(key, endpoint, method, url, body), Proof::Key(which)))
            }
            // RFC 6750 section 5.3: whoever reads a bearer token on the way can use it. A signature is good for one call.
            Self::Entra(_) if url.scheme() != "https" => Err(Error::Credential(Failure::PLAIN_HTTP)),
            Self::Entra(entra) => {
                let token = entra.token(http).await.map_err(Error::Credential)?;
                Ok((HeaderMap::from_iter([(AUTHORIZATION, token.bearer)]), Proof::Token(token.number)))
            }
        }
    }

    /// Gets a token for the calls to come, and says so on the log if there is none.
    pub(super) async fn warm(&self, http: &reqwest::Client) {
        if let Self::Entra(entra) = self
            && let Err(failure) = entra.token(http).await
        {
            tracing::warn!(cause = %failure, "calls will fail: there is no credential for ACS");
        }
    }

    /// Takes note that ACS said `Denied` to a try; tells whether another try has a chance.
    pub(super) fn denied(&self, proof: Proof) -> bool {
        match (self, proof) {
            (Self::Keys(keys), Proof::Key(which)) => keys.denied(which),
            (Self::Entra(entra), Proof::Token(number)) => entra.denied(number),
            (Self::Keys(_), Proof::Token(_)) | (Self::Entra(_), Proof::Key(_)) => false,
        }
    }
}

fn sign(key: &AccessKey, endpoint: &Endpoint, method: &Method, url: &Url, body: &[u8]) -> HeaderMap {
    let target = format!("{}?{}", url.path(), url.query().unwrap_or_default());
    let (date, hash) = (signature::http_date(Timestamp::now()), signature::content_hash(body));
    let text = signature::string_to_sign(method.as_str(), &target, &[&date, &endpoint.host(), &hash]);
    let authorization = signature::authorization(&key.sign(&text));
    [("x-ms-date", date), ("x-ms-content-sha256", hash), (AUTHORIZATION.as_str(), authorization)]
        .into_iter()
        .filter_map(|(name, value)| Some((name.parse().ok()?, value.parse().ok()?)))
        .collect()
}
