//! The names under which users stand in a directory: keyed hashes, so that they say nothing without the key.

use std::{fmt, str::FromStr, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretSlice};
use sha2::Sha256;

use super::UserId;

/// What names are hashed with. Who loses it loses who is who.
#[derive(Clone)]
pub struct Key(Arc<SecretSlice<u8>>);

/// A text that is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not base64 of at least 32 bytes; `openssl rand -base64 32` makes one")]
pub struct InvalidKey;

impl Key {
    /// The shortest key, in bytes: as long as the hash (RFC 2104 section 3).
    pub const MIN_LENGTH: usize = 32;

    /// A key that nobody else has.
    #[must_use]
    pub fn random() -> Self {
        Self(Arc::new(
            [uuid::Uuid::new_v4(), uuid::Uuid::new_v4(), uuid::Uuid::new_v4()]
                .map(uuid::Uuid::into_bytes)
                .concat()
                .into(),
        ))
    }
}

impl FromStr for Key {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        let bytes = STANDARD.decode(text).map_err(|_| InvalidKey)?;
        if bytes.len() < Self::MIN_LENGTH {
            return Err(InvalidKey);
        }
        Ok(Self(Arc::new(bytes.into())))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

/// A user's name in a directory: HMAC-SHA256 of the user's hash, written as 64 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name([u8; 32]);

/// A text that is no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a name of a directory; one has 64 hex digits")]
pub struct InvalidName;

impl Name {
    /// The user's name.
    #[must_use]
    pub fn of(key: &Key, user: UserId) -> Self {
        // HMAC takes a key of any length.
        let mac = Hmac::<Sha256>::new_from_slice(key.0.expose_secret()).map(|mac| mac.chain_update(user.0));
        Self(mac.map(|mac| mac.finalize().into_bytes().into()).unwrap_or_default())
    }
}

impl FromStr for Name {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let mut bytes = [0; 32];
        // Lower case alone, so that each name has one spelling.
        if text.len() != 64 || !text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(InvalidName);
        }
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).map_err(|_| InvalidName)?;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // printf '\x01%.0s' {1..32} | openssl dgst -sha256 -mac hmac -macopt hexkey:$(printf '0b%.0s' {1..32})
    #[test]
    fn hashes_as_openssl_does() {
        let key: Key = STANDARD.encode([0x0b; 32]).parse().unwrap();
        let name = Name::of(&key, UserId::from([1; 32]));
        assert_eq!(name.to_string(), "ea3ce3e2e328be8d8ebfe7107a68cdd7adae8d6188ddb06d91b8dbb4cb9c1842");
        assert_eq!(name.to_string().parse(), Ok(name));
        assert_ne!(Name::of(&Key::random(), UserId::from([1; 32])), name);
        assert_eq!(format!("{key:?}"), "Key(…)");
    }

    #[test]
    fn takes_no_short_key_and_no_other_name() {
        for text in ["", "c2hvcnQ=", "not base64!", &STANDARD.encode([1; 31])] {
            assert_eq!(text.parse::<Key>().err(), Some(InvalidKey), "{text}");
        }
        let name = "0".repeat(64);
        for text in
            ["", "0", &name.replace('0', "G"), &name.replace('0', "A"), &format!("{name}0"), "é".repeat(32).as_str()]
        {
            assert_eq!(text.parse::<Name>(), Err(InvalidName), "{text}");
        }
    }
}
