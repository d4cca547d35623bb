//! Credentials: access keys that sign each request, or bearer tokens from Microsoft Entra.

mod access_keys;

use std::{fmt, sync::Arc, time::Duration};

use azure_core::{
    credentials::{Secret, TokenCredential, TokenRequestOptions},
    error::ErrorKind,
    http::{ClientMethodOptions, Context},
};
use jiff::Timestamp;
use reqwest::{
    Method, Url,
    header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue},
};

pub use access_keys::{AccessKeys, KeySlot};

use crate::{
    Endpoint, Error, Observer,
    signature::{self, AccessKey},
};

/// The scope of Entra tokens for ACS.
///
/// The double slash is intended: a managed identity's endpoint gets the scope without `/.default` as the resource, and
/// the audience that ACS checks for is `https://communication.azure.com/`, with a slash at its end.
pub const SCOPE: &str = "https://communication.azure.com//.default";

const DATE: HeaderName = HeaderName::from_static("x-ms-date");
const CONTENT_HASH: HeaderName = HeaderName::from_static("x-ms-content-sha256");

/// The credential of a client.
#[derive(Clone)]
pub enum Credential {
    /// Access keys: each request is signed with one of them.
    Keys(AccessKeys),
    /// A source of Entra tokens. The client asks it for a token before each attempt; the credential caches it.
    Token(Arc<dyn TokenCredential>),
}

/// The token that ACS denied.
///
/// After a denial the client calls [`TokenCredential::get_token`] once more, with this value in the context of the
/// options. A credential that caches tokens may drop this one. If it returns another token, the client makes one more
/// attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeniedToken(pub Secret);

/// The credential that one attempt was sent with.
#[derive(Debug)]
pub(crate) enum Proof {
    Key(KeySlot),
    Token(Secret),
}

impl From<AccessKey> for Credential {
    fn from(key: AccessKey) -> Self {
        Self::Keys(AccessKeys::new(key, None))
    }
}

impl From<AccessKeys> for Credential {
    fn from(keys: AccessKeys) -> Self {
        Self::Keys(keys)
    }
}

impl From<Arc<dyn TokenCredential>> for Credential {
    fn from(credential: Arc<dyn TokenCredential>) -> Self {
        Self::Token(credential)
    }
}

impl<T: TokenCredential + 'static> From<Arc<T>> for Credential {
    fn from(credential: Arc<T>) -> Self {
        Self::Token(credential)
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Keys(_) => "Keys(..)",
            Self::Token(_) => "Token(..)",
        })
    }
}

impl Credential {
    /// Returns the headers that authorize one attempt.
    pub(crate) async fn authorize(
        &self,
        endpoint: &Endpoint,
        method: &Method,
        url: &Url,
        body: &[u8],
    ) -> Result<(HeaderMap, Proof), Error> {
        match self {
            Self::Keys(keys) => {
                let (slot, key) = keys.preferred();
                Ok((sign(key, endpoint, method, url, body), Proof::Key(slot)))
            }
            // RFC 6750 section 5.3: a bearer token can be used by anyone who reads it on the way.
            Self::Token(_) if url.scheme() != "https" => {
                Err(failed(ErrorKind::Credential, "the endpoint is plain http; Entra tokens are sent over https only"))
            }
            Self::Token(credential) => {
                let token = credential.get_token(&[SCOPE], None).await.map_err(Error::Credential)?.token;
                Ok((bearer(token.secret())?, Proof::Token(token)))
            }
        }
    }

    /// Fetches the first token, if the credential is a token credential.
    pub(crate) async fn warm_up(&self) -> Result<(), Error> {
        match self {
            Self::Keys(_) => Ok(()),
            Self::Token(credential) => credential.get_token(&[SCOPE], None).await.map(drop).map_err(Error::Credential),
        }
    }

    /// Replaces a denied key or token, and returns whether another one is available.
    pub(crate) async fn replace(&self, denied: Proof, observer: &dyn Observer, timeout: Duration) -> bool {
        match (self, denied) {
            (Self::Keys(keys), Proof::Key(slot)) => keys.switch_from(slot, observer),
            (Self::Token(credential), Proof::Token(denied)) => {
                let context = Context::new().with_value(DeniedToken(denied.clone()));
                let options = TokenRequestOptions { method_options: ClientMethodOptions { context } };
                let token = tokio::time::timeout(timeout, credential.get_token(&[SCOPE], Some(options))).await;
                token.is_ok_and(|token| token.is_ok_and(|token| token.token != denied))
            }
            (Self::Keys(_), Proof::Token(_)) | (Self::Token(_), Proof::Key(_)) => false,
        }
    }
}

/// Returns the header that authorizes a request with a bearer token.
pub(crate) fn bearer(token: &str) -> Result<HeaderMap, Error> {
    let mut bearer = HeaderValue::try_from(format!("Bearer {token}"))
        .map_err(|_| failed(ErrorKind::Credential, "the token has characters that a header value cannot have"))?;
    bearer.set_sensitive(true);
    Ok(HeaderMap::from_iter([(AUTHORIZATION, bearer)]))
}

/// Returns the error for a credential that did not return a token in time. It is transient.
pub(crate) fn timed_out() -> Error {
    failed(ErrorKind::Io, "the token did not come in time")
}

fn failed(kind: ErrorKind, message: &'static str) -> Error {
    Error::Credential(azure_core::Error::with_message(kind, message))
}

fn sign(key: &AccessKey, endpoint: &Endpoint, method: &Method, url: &Url, body: &[u8]) -> HeaderMap {
    let target = format!("{}?{}", url.path(), url.query().unwrap_or_default());
    let (date, hash) = (signature::http_date(Timestamp::now()), signature::content_hash(body));
    let text = signature::string_to_sign(method.as_str(), &target, &[&date, &endpoint.host(), &hash]);
    let authorization = signature::authorization(&key.sign(&text));
    [(DATE, date), (CONTENT_HASH, hash), (AUTHORIZATION, authorization)]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.try_into().ok()?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use azure_core::{credentials::AccessToken, time::OffsetDateTime};

    use super::*;

    /// A credential that returns `1` until that token is denied, then `2`.
    #[derive(Debug, Default)]
    struct Renewing(Mutex<Vec<String>>);

    #[async_trait::async_trait]
    impl TokenCredential for Renewing {
        async fn get_token(
            &self,
            scopes: &[&str],
            options: Option<TokenRequestOptions<'_>>,
        ) -> azure_core::Result<AccessToken> {
            assert_eq!(scopes, [SCOPE]);
            let mut denied = self.0.lock().unwrap();
            if let Some(options) = options
                && let Some(DeniedToken(token)) = options.method_options.context.value()
            {
                denied.push(token.secret().to_owned());
            }
            let token = if denied.iter().any(|token| token == "1") { "2" } else { "1" };
            Ok(AccessToken::new(token, OffsetDateTime::now_utc()))
        }
    }

    async fn authorize(credential: &Credential) -> (HeaderMap, Proof) {
        let endpoint: Endpoint = "https://contoso.communication.azure.com".parse().unwrap();
        credential.authorize(&endpoint, &Method::POST, endpoint.url(), b"").await.unwrap()
    }

    #[tokio::test]
    async fn denied_token_is_retried_only_with_another_token() {
        let credential = Credential::from(Arc::new(Renewing::default()));
        for (expected, renewed) in [("1", true), ("2", false)] {
            let (headers, proof) = authorize(&credential).await;
            assert_eq!(headers[AUTHORIZATION].to_str().unwrap(), format!("Bearer {expected}"));
            assert!(!format!("{headers:?} {credential:?}").contains(expected), "{headers:?}");
            assert_eq!(credential.replace(proof, &(), Duration::from_secs(1)).await, renewed);
        }
    }
}
