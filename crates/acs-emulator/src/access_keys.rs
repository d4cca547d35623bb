//! The two access keys of the emulated resource, which can be regenerated like those of a real one.

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    api_error::ApiError,
    options::{DEVELOPMENT_KEY, DEVELOPMENT_KEY_SECONDARY},
};
use acs_identity::signature::{AccessKey, InvalidAccessKey};

/// The valid keys, and the ones they replaced.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AccessKeys {
    primary: Key,
    secondary: Key,
    /// Only to recognize a signature with one of them.
    regenerated: Vec<Key>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct Key {
    text: String,
    key: AccessKey,
}

/// A request to regenerate a key, named as in Azure's management API.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Regenerate {
    key_type: KeyType,
}

#[derive(Debug, Clone, Copy, Deserialize)]
enum KeyType {
    #[serde(alias = "primary")]
    Primary,
    #[serde(alias = "secondary")]
    Secondary,
}

impl Default for AccessKeys {
    fn default() -> Self {
        #[expect(clippy::expect_used, reason = "two constants, which every test uses")]
        let [primary, secondary] = [DEVELOPMENT_KEY, DEVELOPMENT_KEY_SECONDARY]
            .map(|text| Key::try_from(text.to_owned()).expect("a published key is base64"));
        Self { primary, secondary, regenerated: Vec::new() }
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

impl AccessKeys {
    /// Returns the valid keys, the primary one first.
    pub(crate) const fn valid(&self) -> [&AccessKey; 2] {
        [&self.primary.key, &self.secondary.key]
    }

    /// Returns the keys that were valid before they were regenerated.
    pub(crate) fn regenerated(&self) -> impl Iterator<Item = &AccessKey> {
        self.regenerated.iter().map(|key| &key.key)
    }

    /// Returns the valid keys as the control API shows them.
    pub(crate) fn to_json(&self) -> Value {
        json!({ "primaryKey": self.primary.text, "secondaryKey": self.secondary.text })
    }

    /// Replaces a key with a random one of 64 bytes, the length of real ones.
    pub(crate) fn regenerate(&mut self, Regenerate { key_type }: &Regenerate) -> Result<(), ApiError> {
        let mut bytes = [0; 64];
        SystemRandom::new().fill(&mut bytes).map_err(|_| ApiError::Internal)?;
        let new = Key::try_from(STANDARD.encode(bytes)).map_err(|_| ApiError::Internal)?;
        let key = match key_type {
            KeyType::Primary => &mut self.primary,
            KeyType::Secondary => &mut self.secondary,
        };
        self.regenerated.push(std::mem::replace(key, new));
        Ok(())
    }
}
