//! The two access keys of the emulated resource, which can be regenerated as those of a real one.

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

use super::{DEVELOPMENT_KEY, DEVELOPMENT_KEY_SECONDARY, api_error::ApiError};
use acs_identity::signature::{AccessKey, InvalidAccessKey};

/// The keys that are good now, and those that were.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Keys {
    primary: Key,
    secondary: Key,
    /// For the diagnosis alone.
    regenerated: Vec<Key>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct Key {
    text: String,
    key: AccessKey,
}

/// What the control API takes to regenerate one, in the words of Azure's management API.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Regenerate {
    key_type: KeyType,
}

#[derive(Debug, Clone, Copy, Deserialize)]
enum KeyType {
    #[serde(alias = "primary")]
    Primary,
    #[serde(alias = "secondary")]
    Secondary,
}

/// What the control API shows.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shown {
    primary_key: String,
    secondary_key: String,
}

impl Default for Keys {
    fn default() -> Self {
        let [primary, secondary] = [DEVELOPMENT_KEY, DEVELOPMENT_KEY_SECONDARY].map(Key::published);
        Self { primary, secondary, regenerated: Vec::new() }
    }
}

impl Key {
    #[expect(clippy::expect_used, reason = "two constants, and every test runs over them")]
    fn published(text: &str) -> Self {
        Self { text: text.to_owned(), key: AccessKey::from_base64(text).expect("a published key is base64") }
    }

    /// As long as real ones: 64 bytes.
    fn random() -> Result<Self, ApiError> {
        let mut bytes = [0; 64];
        SystemRandom::new().fill(&mut bytes).map_err(|_| ApiError::Internal)?;
        let text = STANDARD.encode(bytes);
        let key = AccessKey::from_base64(&text).map_err(|_| ApiError::Internal)?;
        Ok(Self { text, key })
    }
}

impl TryFrom<String> for Key {
    type Error = InvalidAccessKey;

    fn try_from(text: String) -> Result<Self, InvalidAccessKey> {
        Ok(Self { key: AccessKey::from_base64(&text)?, text })
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        key.text
    }
}

impl Keys {
    /// Those that are good, the primary one first.
    pub(super) const fn good(&self) -> [&AccessKey; 2] {
        [&self.primary.key, &self.secondary.key]
    }

    /// Those that were good, the newest one last.
    pub(super) fn regenerated(&self) -> impl Iterator<Item = &AccessKey> {
        self.regenerated.iter().map(|key| &key.key)
    }

    pub(super) fn show(&self) -> Shown {
        Shown { primary_key: self.primary.text.clone(), secondary_key: self.secondary.text.clone() }
    }

    pub(super) fn regenerate(&mut self, Regenerate { key_type }: &Regenerate) -> Result<(), ApiError> {
        let key = match key_type {
            KeyType::Primary => &mut self.primary,
            KeyType::Secondary => &mut self.secondary,
        };
        self.regenerated.push(std::mem::replace(key, Key::random()?));
        Ok(())
    }
}
