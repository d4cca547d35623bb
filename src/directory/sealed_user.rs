//! The user of a record, encrypted in it, so that a record can be found under another key.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    rand::{SecureRandom as _, SystemRandom},
};

use super::{DirectoryKey, RecordName, UserId};

/// Separates the key of the encryption from record names, which are HMACs of 32 bytes.
const PURPOSE: &[u8] = b"acs-tokens: the encryption of users in records";

/// Length of nonce, user id and tag.
const LENGTH: usize = NONCE_LEN + 32 + 16;

/// A user id, encrypted with AES-256-GCM under a key derived from the directory key, for one record name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SealedUser(Vec<u8>);

impl SealedUser {
    /// Encrypts a user id with the first key. Returns `None` if the system provides no random bytes.
    pub(super) fn new(key: &DirectoryKey, user: UserId) -> Option<Self> {
        let mut sealed = user.bytes().to_vec();
        let aad = Aad::from(*RecordName::new(key, user).bytes());
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).ok()?;
        let unique = Nonce::assume_unique_for_key(nonce);
        cipher(key)?.seal_in_place_append_tag(unique, aad, &mut sealed).ok()?;
        Some(Self([&nonce[..], &sealed].concat()))
    }

    /// Decrypts the user id in a record. Returns `None` if the first key is not the one that names the record.
    pub(super) fn open(&self, key: &DirectoryKey, name: RecordName) -> Option<UserId> {
        let (nonce, sealed) = self.0.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut sealed = sealed.to_vec();
        let user = cipher(key)?.open_in_place(nonce, Aad::from(*name.bytes()), &mut sealed).ok()?;
        let user = UserId::from(<[u8; 32]>::try_from(&*user).ok()?);
        (RecordName::new(key, user) == name).then_some(user)
    }

    pub(super) fn from_base64(text: &str) -> Option<Self> {
        STANDARD.decode(text).ok().filter(|sealed| sealed.len() == LENGTH).map(Self)
    }

    pub(super) fn to_base64(&self) -> String {
        STANDARD.encode(&self.0)
    }
}

fn cipher(key: &DirectoryKey) -> Option<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM, &key.hmac(PURPOSE)).map(LessSafeKey::new).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_is_read_only_with_the_key_and_the_name_of_the_record() {
        let (key, user) = (DirectoryKey::random(), UserId::from([7; 32]));
        let name = RecordName::new(&key, user);
        let sealed = SealedUser::new(&key, user).unwrap();
        assert_eq!(sealed.open(&key, name), Some(user));
        assert_ne!(SealedUser::new(&key, user).unwrap(), sealed, "each record has a nonce of its own");
        assert_eq!(SealedUser::from_base64(&sealed.to_base64()), Some(sealed.clone()));

        let other = DirectoryKey::random();
        assert_eq!(sealed.open(&other, name), None);
        assert_eq!(sealed.open(&key, RecordName::new(&key, UserId::from([8; 32]))), None);
        let mut changed = sealed.clone();
        changed.0[20] ^= 1;
        assert_eq!(changed.open(&key, name), None);
        for text in ["", "AAAA", "not base64!", &STANDARD.encode([0; LENGTH - 1])] {
            assert_eq!(SealedUser::from_base64(text), None, "{text}");
        }
    }

    #[test]
    fn user_in_a_record_of_an_earlier_version_is_read() {
        let key: DirectoryKey = "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=".parse().unwrap();
        let user = UserId::from([7; 32]);
        // Made with the library aws-lc-rs, which earlier versions used.
        let sealed = "sDzf1EGMuE3nk28KdF8RFF1kJ6OCtE8cwnNlGnPWHwokMuXjRi3bs6LfK9j1NU/5r3Wfa3UEKEjXntFB";
        let sealed = SealedUser::from_base64(sealed).unwrap();
        assert_eq!(sealed.open(&key, RecordName::new(&key, user)), Some(user));
    }
}
