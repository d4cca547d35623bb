//! The signing keys of an issuer, fetched when first needed and renewed in the background.

use std::{collections::HashMap, sync::Arc, time::Duration};

use acs_identity::{causes, http::client_builder_for};
use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse},
};
use serde::Deserialize;
use serde_json::Value;

use super::{Issuer, TokenError};
use crate::refreshing::{FetchLimits, Fresh, Refreshing};

/// Unknown key ids cost their sender nothing. The minimum interval keeps them from causing a request each.
const LIMITS: FetchLimits = FetchLimits {
    min_interval: Duration::from_secs(10),
    min_interval_without_value: Duration::from_secs(1),
    timeout: Duration::from_secs(10),
};

/// The time for one of the two requests of a fetch.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// The age from which the key set is fetched again, so that keys that the issuer has withdrawn are dropped.
const REFRESH_AFTER: Duration = Duration::from_secs(60 * 60);

/// The age from which a key set is not used, even if the issuer cannot be reached.
const MAX_AGE: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Deserialize)]
struct WireKeySet {
    keys: Vec<Value>,
}

/// A public key and the algorithms that may be used with it.
struct Key {
    key: DecodingKey,
    algorithms: Vec<Algorithm>,
}

/// Keys by id. Keys of different types may have the same id (RFC 7517 section 4.5).
type KeySet = HashMap<String, Vec<Key>>;

/// The key set of one issuer.
#[derive(Debug)]
pub(super) struct IssuerKeys(Refreshing<Arc<KeySet>, String>);

impl IssuerKeys {
    pub(super) fn new(issuer: &Issuer) -> Result<Self, reqwest::Error> {
        let http = client_builder_for(issuer.url()).timeout(REQUEST_TIMEOUT).build()?;
        let issuer = issuer.clone();
        let fetch = move || fetch(issuer.clone(), http.clone());
        Ok(Self(Refreshing::new("key set of an issuer", LIMITS, fetch)))
    }

    /// Returns the key with this id that fits the algorithm. Fetches the key set again if it has no such id.
    pub(super) async fn find(&self, id: &str, algorithm: Algorithm) -> Result<DecodingKey, TokenError> {
        let mut known = self.0.get().await;
        if known.as_ref().is_ok_and(|keys| !keys.contains_key(id)) {
            known = self.0.refresh().await;
        }
        let keys = known.map_err(|error| TokenError::Unreachable(error.to_string()))?;
        let keys = keys.get(id).ok_or(TokenError::UnknownKey)?;
        let key = keys.iter().find(|key| key.algorithms.contains(&algorithm)).ok_or(TokenError::AlgorithmOfKey)?;
        Ok(key.key.clone())
    }
}

/// An issuer whose documents were fetched and agree with the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedIssuer {
    /// The number of keys that can check signatures.
    pub usable_keys: usize,
}

impl Issuer {
    /// Fetches the discovery document and the key set, and compares the issuer.
    ///
    /// # Errors
    /// Returns the reason why tokens of this issuer cannot be validated.
    pub async fn verify(&self) -> Result<VerifiedIssuer, String> {
        let http = client_builder_for(self.url()).timeout(REQUEST_TIMEOUT).build();
        let keys = fetch(self.clone(), http.map_err(|error| causes(&error))?).await?.value;
        Ok(VerifiedIssuer { usable_keys: keys.values().map(Vec::len).sum() })
    }
}

async fn fetch(issuer: Issuer, http: reqwest::Client) -> Result<Fresh<Arc<KeySet>>, String> {
    let wire: WireKeySet = issuer.fetch_keys(&http).await?;
    let mut keys = KeySet::new();
    for (id, key) in wire.keys.into_iter().filter_map(usable) {
        keys.entry(id).or_default().push(key);
    }
    if keys.is_empty() {
        return Err(format!("the key set of {} has no usable key", issuer.name()));
    }
    Ok(Fresh { value: Arc::new(keys), refresh_after: REFRESH_AFTER, max_age: MAX_AGE })
}

/// Returns the key and its id if it can check signatures with an allowed algorithm. Issuers publish other keys too.
fn usable(value: Value) -> Option<(String, Key)> {
    let jwk: Jwk = serde_json::from_value(value).ok()?;
    let fitting: &[Algorithm] = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => &[Algorithm::RS256, Algorithm::PS256],
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => &[Algorithm::ES256],
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => &[Algorithm::EdDSA],
        // Everybody can read the key set, and could sign with a symmetric key in it.
        _ => return None,
    };
    let common = &jwk.common;
    let verifies = common.public_key_use.as_ref().is_none_or(|r#use| *r#use == PublicKeyUse::Signature)
        && common.key_operations.as_ref().is_none_or(|all| all.contains(&KeyOperations::Verify));
    let named = common.key_algorithm.map(Algorithm::try_from).transpose().ok()?;
    let algorithms: Vec<_> = fitting.iter().copied().filter(|one| named.is_none_or(|named| named == *one)).collect();
    if !verifies || algorithms.is_empty() {
        return None;
    }
    let key = DecodingKey::from_jwk(&jwk).ok()?;
    Some((jwk.common.key_id?, Key { key, algorithms }))
}
