//! A JSON Web Key Set (RFC 7517), reduced to the keys that can check signatures.

use std::collections::HashMap;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse, RSAKeyParameters},
};
use serde_json::Value;

use super::TokenError;

/// The smallest modulus of an RSA key (RFC 7518 section 3.3).
const MIN_MODULUS_BYTES: usize = 2048 / 8;

/// A public key and the algorithms that may be used with it.
#[derive(Debug)]
struct Key {
    key: DecodingKey,
    algorithms: Vec<Algorithm>,
}

/// Keys by id. Keys of different types may have the same id (RFC 7517 section 4.5).
#[derive(Debug)]
pub(super) struct KeySet(HashMap<String, Vec<Key>>);

impl KeySet {
    /// Returns the number of keys.
    pub(super) fn len(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }

    /// Returns whether a key has this id.
    pub(super) fn contains(&self, id: &str) -> bool {
        self.0.contains_key(id)
    }

    /// Returns the key with this id whose type fits the algorithm.
    pub(super) fn find(&self, id: &str, algorithm: Algorithm) -> Result<&DecodingKey, TokenError> {
        let keys = self.0.get(id).ok_or(TokenError::UnknownKey)?;
        let key = keys.iter().find(|key| key.algorithms.contains(&algorithm)).ok_or(TokenError::AlgorithmOfKey)?;
        Ok(&key.key)
    }
}

impl FromIterator<Value> for KeySet {
    /// Collects the usable keys. Issuers publish other keys too.
    fn from_iter<I: IntoIterator<Item = Value>>(keys: I) -> Self {
        let mut set: HashMap<String, Vec<Key>> = HashMap::new();
        for (id, key) in keys.into_iter().filter_map(usable) {
            set.entry(id).or_default().push(key);
        }
        Self(set)
    }
}

/// Returns the key and its id if it can check signatures with an allowed algorithm.
fn usable(value: Value) -> Option<(String, Key)> {
    let jwk: Jwk = serde_json::from_value(value).ok()?;
    let (key, fitting): (_, &[Algorithm]) = match &jwk.algorithm {
        AlgorithmParameters::RSA(key) => (rsa(key)?, &[Algorithm::RS256, Algorithm::PS256]),
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
            (DecodingKey::from_jwk(&jwk).ok()?, &[Algorithm::ES256])
        }
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
            (DecodingKey::from_jwk(&jwk).ok()?, &[Algorithm::EdDSA])
        }
        // Everybody can read the key set, and could sign with a symmetric key in it.
        _ => return None,
    };
    let common = jwk.common;
    let verifies = common.public_key_use.is_none_or(|r#use| r#use == PublicKeyUse::Signature)
        && common.key_operations.is_none_or(|all| all.contains(&KeyOperations::Verify));
    let named = common.key_algorithm.map(Algorithm::try_from).transpose().ok()?;
    let algorithms: Vec<_> = fitting.iter().copied().filter(|one| named.is_none_or(|named| named == *one)).collect();
    if !verifies || algorithms.is_empty() {
        return None;
    }
    Some((common.key_id?, Key { key, algorithms }))
}

/// Returns an RSA key. The numbers must have no leading zero bytes (RFC 7518 section 6.3.1.1), but some issuers write
/// them, and the library for signatures rejects them.
fn rsa(key: &RSAKeyParameters) -> Option<DecodingKey> {
    let number = |text: &str| {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let first = bytes.iter().position(|byte| *byte != 0)?;
        Some(bytes[first..].to_vec())
    };
    let (modulus, exponent) = (number(&key.n)?, number(&key.e)?);
    (modulus.len() >= MIN_MODULUS_BYTES).then(|| DecodingKey::from_rsa_raw_components(&modulus, &exponent))
}
