//! Record names: keyed hashes, so that a record does not reveal its user.

use std::{fmt, str::FromStr, sync::Arc};

use acs_identity::signature::hmac_sha256;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::Mac as _;
use secrecy::{ExposeSecret as _, SecretSlice};
use uuid::Uuid;

use super::guest_records::{EndHour, FOLDER};
use crate::guest_pass::PassKeys;

/// Separates the keys of guest passes from record names, which are HMACs of 32 bytes.
const PASS_PURPOSE: &[u8] = b"acs-tokens: the signature of guest passes";

/// A signed-in user, as the hash of issuer and subject.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct UserId([u8; 32]);

impl From<[u8; 32]> for UserId {
    fn from(hash: [u8; 32]) -> Self {
        Self(hash)
    }
}

impl UserId {
    pub(super) const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserId(…)")
    }
}

/// The key of record names, or two keys while one replaces the other. If it is lost, existing records can no longer be
/// matched to users.
#[derive(Debug, Clone)]
pub struct DirectoryKey {
    /// The key that names new records.
    first: Arc<SecretSlice<u8>>,
    /// The key whose records are found, too.
    second: Option<Arc<SecretSlice<u8>>>,
}

/// The error for a text that is not one key, or two keys with a comma between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKey {
    /// A key is not base64, or too short.
    #[error("is not base64 of at least 32 bytes; create a key with `openssl rand -base64 32`")]
    NotAKey,
    /// The text has more than two keys, or one key twice.
    #[error("must be one key, or two different keys while one replaces the other: `<new>,<old>`")]
    NotOneOrTwo,
}

impl DirectoryKey {
    /// Minimum length in bytes: that of the hash (RFC 2104 section 3).
    pub const MIN_LENGTH: usize = 32;

    /// Creates a random key.
    #[must_use]
    pub fn random() -> Self {
        Self::new([(); 3].map(|()| Uuid::new_v4().into_bytes()).concat())
    }

    /// Returns the second key, `None` if there is only one.
    #[must_use]
    pub fn second(&self) -> Option<Self> {
        Some(Self { first: self.second.clone()?, second: None })
    }

    fn new(bytes: Vec<u8>) -> Self {
        Self { first: Arc::new(bytes.into()), second: None }
    }

    /// Returns the keys of guest passes, which are derived from these keys.
    #[must_use]
    pub fn pass_keys(&self) -> PassKeys {
        let second = self.second().map(|key| key.hmac(PASS_PURPOSE));
        PassKeys::new([self.hmac(PASS_PURPOSE)].into_iter().chain(second))
    }

    /// Returns the HMAC-SHA256 of a text with the first key.
    pub(super) fn hmac(&self, text: &[u8]) -> [u8; 32] {
        hmac_sha256(self.first.expose_secret(), text).finalize().into_bytes().into()
    }
}

impl FromStr for DirectoryKey {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        let key = |text: &str| match STANDARD.decode(text.trim()) {
            Ok(bytes) if bytes.len() >= Self::MIN_LENGTH => Ok(Self::new(bytes)),
            _ => Err(InvalidKey::NotAKey),
        };
        let keys = text.split(',').map(key).collect::<Result<Vec<_>, _>>()?;
        match &keys[..] {
            [key] => Ok(key.clone()),
            [key, second] if key.first.expose_secret() != second.first.expose_secret() => {
                Ok(Self { first: Arc::clone(&key.first), second: Some(Arc::clone(&second.first)) })
            }
            _ => Err(InvalidKey::NotOneOrTwo),
        }
    }
}

/// The name of a record. That of a user is the HMAC-SHA256 of the user id, written as 64 lowercase hex digits. Records of
/// guests are in a folder for the hour from which they are of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordName {
    end: Option<EndHour>,
    hash: [u8; 32],
}

/// The error for a text that is not a record name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a record name; it has 64 lowercase hex digits")]
pub struct InvalidName;

impl RecordName {
    /// Returns the name of the user's record under the first key.
    #[must_use]
    pub fn new(key: &DirectoryKey, user: UserId) -> Self {
        Self { end: None, hash: key.hmac(&user.0) }
    }

    /// Returns the name of a guest's record, or of the record of a pass.
    pub(super) const fn of_guest(end: EndHour, hash: [u8; 32]) -> Self {
        Self { end: Some(end), hash }
    }

    /// Returns the hour from which the record is of no use. `None` for a user's.
    pub(super) const fn end(&self) -> Option<EndHour> {
        self.end
    }

    pub(super) const fn bytes(&self) -> &[u8; 32] {
        &self.hash
    }
}

impl FromStr for RecordName {
    type Err = InvalidName;

    /// Reads the name of a user's record.
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let mut hash = [0; 32];
        hex::decode_to_slice(text, &mut hash).map_err(|_| InvalidName)?;
        // Uppercase digits would give a record a second name.
        Some(Self { end: None, hash }).filter(|name| name.to_string() == text).ok_or(InvalidName)
    }
}

impl fmt::Display for RecordName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(end) = self.end {
            write!(f, "{FOLDER}/{end}/")?;
        }
        f.write_str(&hex::encode(self.hash))
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
        assert_eq!(format!("{key:?}"), "DirectoryKey { first: SecretBox<[u8]>([REDACTED]), second: None }");
    }

    #[test]
    fn first_key_names_records_and_the_second_one_is_the_other() {
        let user = UserId::from([1; 32]);
        let [new, old] = [[1; 32], [2; 32]].map(|bytes| STANDARD.encode(bytes));
        for text in [format!("{new},{old}"), format!(" {new} , {old} ")] {
            let key: DirectoryKey = text.parse().unwrap();
            assert_eq!(RecordName::new(&key, user), RecordName::new(&new.parse().unwrap(), user));
            let second = key.second().unwrap();
            assert_eq!(RecordName::new(&second, user), RecordName::new(&old.parse().unwrap(), user));
            assert!(second.second().is_none() && !format!("{key:?}").contains('2'));
        }
        for text in [format!("{new},{new}"), format!("{new},{old},{new}")] {
            assert_eq!(text.parse::<DirectoryKey>().err(), Some(InvalidKey::NotOneOrTwo));
        }
    }

    #[test]
    fn invalid_keys_and_names_are_rejected() {
        let comma = format!("{},", STANDARD.encode([1; 32]));
        for text in ["", "c2hvcnQ=", "not base64!", &STANDARD.encode([1; 31]), &comma] {
            assert_eq!(text.parse::<DirectoryKey>().err(), Some(InvalidKey::NotAKey), "{text}");
        }
        let name = "0".repeat(64);
        for text in ["", "0", &name.replace('0', "G"), &name.replace('0', "A"), &format!("{name}0"), &"é".repeat(32)] {
            assert_eq!(text.parse::<RecordName>(), Err(InvalidName), "{text}");
        }
    }
}
