//! Record names: keyed hashes, so that a record does not reveal its user.

use std::{fmt, str::FromStr, sync::Arc};

use acs_identity::signature::hmac_sha256;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::Mac as _;
use secrecy::{ExposeSecret as _, SecretSlice};
use uuid::Uuid;

/// A signed-in user, as the hash of issuer and subject.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct UserId([u8; 32]);

impl From<[u8; 32]> for UserId {
    fn from(hash: [u8; 32]) -> Self {
        Self(hash)
    }
}

impl fmt::Debug for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserId(…)")
    }
}

/// The key of record names. If it is lost, existing records can no longer be matched to users.
#[derive(Debug, Clone)]
pub struct DirectoryKey(Arc<SecretSlice<u8>>);

/// The error for a key that is not base64 or too short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not base64 of at least 32 bytes; create a key with `openssl rand -base64 32`")]
pub struct InvalidKey;

impl DirectoryKey {
    /// Minimum length in bytes: that of the hash (RFC 2104 section 3).
    pub const MIN_LENGTH: usize = 32;

    /// Creates a random key.
    #[must_use]
    pub fn random() -> Self {
        Self::new([(); 3].map(|()| Uuid::new_v4().into_bytes()).concat())
    }

    fn new(bytes: Vec<u8>) -> Self {
        Self(Arc::new(bytes.into()))
    }
}

impl FromStr for DirectoryKey {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        let bytes = STANDARD.decode(text).map_err(|_| InvalidKey)?;
        if bytes.len() >= Self::MIN_LENGTH { Ok(Self::new(bytes)) } else { Err(InvalidKey) }
    }
}

/// The name of a user's record: HMAC-SHA256 of the user id, written as 64 lowercase hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordName([u8; 32]);

/// The error for a text that is not a record name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a record name; it has 64 lowercase hex digits")]
pub struct InvalidName;

impl RecordName {
    /// Returns the name of the user's record.
    #[must_use]
    pub fn new(key: &DirectoryKey, user: UserId) -> Self {
        Self(hmac_sha256(key.0.expose_secret(), &user.0).finalize().into_bytes().into())
    }
}

impl FromStr for RecordName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let mut name = [0; 32];
        hex::decode_to_slice(text, &mut name).map_err(|_| InvalidName)?;
        // Uppercase digits would give a record a second name.
        Some(Self(name)).filter(|name| name.to_string() == text).ok_or(InvalidName)
    }
}

impl fmt::Display for RecordName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // printf '\x01%.0s' {1..32} | openssl dgst -sha256 -mac hmac -macopt hexkey:$(printf '0b%.0s' {1..32})
    #[test]
    fn record_name_is_the_hmac_of_the_user() {
        let key: DirectoryKey = STANDARD.encode([0x0b; 32]).parse().unwrap();
        let name = RecordName::new(&key, UserId::from([1; 32]));
        assert_eq!(name.to_string(), "ea3ce3e2e328be8d8ebfe7107a68cdd7adae8d6188ddb06d91b8dbb4cb9c1842");
        assert_eq!(name.to_string().parse(), Ok(name));
        assert_ne!(RecordName::new(&DirectoryKey::random(), UserId::from([1; 32])), name);
        assert_eq!(format!("{key:?}"), "DirectoryKey(SecretBox<[u8]>([REDACTED]))");
    }

    #[test]
    fn invalid_keys_and_names_are_rejected() {
        for text in ["", "c2hvcnQ=", "not base64!", &STANDARD.encode([1; 31])] {
            assert_eq!(text.parse::<DirectoryKey>().err(), Some(InvalidKey), "{text}");
        }
        let name = "0".repeat(64);
        for text in ["", "0", &name.replace('0', "G"), &name.replace('0', "A"), &format!("{name}0"), &"é".repeat(32)] {
            assert_eq!(text.parse::<RecordName>(), Err(InvalidName), "{text}");
        }
    }
}
