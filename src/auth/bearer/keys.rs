//! The key set of an issuer, fetched when first needed and renewed in the background.

use std::{sync::Arc, time::Duration};

use acs_identity::http::TlsError;

use super::{Issuer, TokenError, discovery::IssuerError, key_set::KeySet};
use crate::refreshing::{FetchLimits, Fresh, Refreshing};

/// Unknown key ids cost their sender nothing. The minimum interval keeps them from causing a request each.
const LIMITS: FetchLimits = FetchLimits {
    min_interval: Duration::from_secs(10),
    min_interval_without_value: Duration::from_secs(1),
    timeout: Duration::from_secs(10),
};

/// The age from which the key set is fetched again, so that keys that the issuer has withdrawn are dropped.
const REFRESH_AFTER: Duration = Duration::from_secs(60 * 60);

/// The age from which a key set is not used, even if the issuer cannot be reached.
const MAX_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// The time after which a caller may ask again if the issuer names none.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// The key set of one issuer.
#[derive(Debug)]
pub(super) struct IssuerKeys(Refreshing<Arc<KeySet>, IssuerError>);

impl IssuerKeys {
    pub(super) fn new(issuer: &Issuer) -> Result<Self, TlsError> {
        let (http, issuer) = (issuer.client()?, issuer.clone());
        Ok(Self(Refreshing::new("key set of an issuer", LIMITS, move || {
            let (http, issuer) = (http.clone(), issuer.clone());
            async move {
                let (_, keys) = issuer.fetch_keys(&http).await?;
                Ok(Fresh { value: Arc::new(keys), refresh_after: REFRESH_AFTER, max_age: MAX_AGE })
            }
        })))
    }

    /// Returns the key set. Fetches it again if it has no key with this id.
    pub(super) async fn with(&self, id: &str) -> Result<Arc<KeySet>, TokenError> {
        let mut known = self.0.get().await;
        if known.as_ref().is_ok_and(|keys| !keys.contains(id)) {
            known = self.0.refresh().await;
        }
        known.map_err(|error| TokenError::Unreachable {
            cause: error.to_string(),
            retry_after: self.0.retry_after().unwrap_or(RETRY_AFTER),
        })
    }

    /// Returns whether this is the key set that the issuer has, as far as is known.
    pub(super) async fn are(&self, keys: &Arc<KeySet>) -> bool {
        self.0.get().await.is_ok_and(|known| Arc::ptr_eq(&known, keys))
    }
}
