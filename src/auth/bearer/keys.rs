//! An issuer's keys: fetched when first needed, again when a token names an unknown one, and kept while that fails.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse},
};
use serde::Deserialize;
use serde_json::Value;
use tokio::{sync::Mutex, time::Instant};

use super::{Issuer, TokenError};

/// Unknown key ids cost their sender nothing, so they may not cost the issuer a request each.
const PAUSE: Duration = Duration::from_secs(10);

/// The same while there are no keys at all, and so nobody gets in.
const PAUSE_WITHOUT_KEYS: Duration = Duration::from_secs(1);

/// A key that the issuer took back is gone here after this long.
const MAX_AGE: Duration = Duration::from_secs(60 * 60);

/// The time for one request to the issuer.
const TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Value>,
}

/// A key, and the algorithms that may be used with it.
pub(super) struct Key {
    pub(super) key: DecodingKey,
    pub(super) algorithms: Vec<Algorithm>,
}

type ById = HashMap<String, Arc<Key>>;

/// The keys of one issuer.
pub(super) struct Keys {
    issuer: Issuer,
    http: reqwest::Client,
    known: RwLock<Option<(Arc<ById>, Instant)>>,
    /// When they were last asked for. Held while asking, so that one request asks for all that wait.
    asked: Mutex<Option<Instant>>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

impl Keys {
    pub(super) fn new(issuer: &Issuer) -> Result<Self, reqwest::Error> {
        let mut http = reqwest::Client::builder();
        if issuer.is_loopback() {
            http = http.no_proxy();
        }
        let http = http
            .user_agent(concat!("acs-tokens/", env!("CARGO_PKG_VERSION")))
            .timeout(TIMEOUT)
            // The issuer's own address is what is trusted.
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self { issuer: issuer.clone(), http, known: RwLock::default(), asked: Mutex::default() })
    }

    /// The issuer's key with this id.
    pub(super) async fn find(&self, id: &str) -> Result<Arc<Key>, TokenError> {
        if let Some((key, age)) = self.lookup(id)
            && age < MAX_AGE
        {
            return Ok(key);
        }
        let mut asked = self.asked.lock().await;
        let known = self.known();
        let pause = if known.is_some() { PAUSE } else { PAUSE_WITHOUT_KEYS };
        let another = self.lookup(id).is_none_or(|(_, age)| age >= MAX_AGE);
        let mut failure = None;
        if another && asked.is_none_or(|at| at.elapsed() >= pause) {
            // Noted first: a request that is given up on has asked all the same.
            *asked = Some(Instant::now());
            match self.issuer.fetch_keys::<KeySet>(&self.http).await {
                Ok(set) => {
                    let keys = set.keys.into_iter().filter_map(usable).collect();
                    *self.known.write().unwrap_or_else(PoisonError::into_inner) =
                        Some((Arc::new(keys), Instant::now()));
                }
                Err(cause) => {
                    tracing::warn!(cause, "the issuer's keys could not be fetched");
                    failure = Some(cause);
                }
            }
        }
        drop(asked);
        let none = failure.unwrap_or_else(|| "the last attempt to fetch the issuer's keys failed".to_owned());
        match self.lookup(id) {
            Some((key, _)) => Ok(key),
            None if self.known().is_some() => Err(TokenError::UnknownKey),
            None => Err(TokenError::Unreachable(none)),
        }
    }

    fn known(&self) -> Option<(Arc<ById>, Instant)> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn lookup(&self, id: &str) -> Option<(Arc<Key>, Duration)> {
        let (keys, at) = self.known()?;
        keys.get(id).map(|key| (Arc::clone(key), at.elapsed()))
    }
}

/// A key for checking signatures of an allowed kind, with its id. Issuers publish others, which are passed over.
fn usable(value: Value) -> Option<(String, Arc<Key>)> {
    let jwk: Jwk = serde_json::from_value(value).ok()?;
    let fitting: &[Algorithm] = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => &[Algorithm::RS256, Algorithm::PS256],
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => &[Algorithm::ES256],
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => &[Algorithm::EdDSA],
        // A symmetric key among the public ones would let whoever reads it sign.
        _ => return None,
    };
    let common = &jwk.common;
    let signs = common.public_key_use.as_ref().is_none_or(|r#use| *r#use == PublicKeyUse::Signature)
        && common.key_operations.as_ref().is_none_or(|all| all.contains(&KeyOperations::Verify));
    let named = common.key_algorithm.map(Algorithm::try_from).transpose().ok()?;
    let algorithms: Vec<_> = fitting.iter().copied().filter(|one| named.is_none_or(|named| named == *one)).collect();
    if !signs || algorithms.is_empty() {
        return None;
    }
    let key = DecodingKey::from_jwk(&jwk).ok()?;
    Some((jwk.common.key_id?, Arc::new(Key { key, algorithms })))
}
