//! The two access keys of the emulated resource, which can be regenerated like those of a real one.

use acs_identity::signature::AccessKey;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    api_error::ApiError,
    options::{DEVELOPMENT_KEY, DEVELOPMENT_KEY_SECONDARY},
};

/// The valid keys, and the ones they replaced, in base64.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AccessKeys {
    primary: String,
    secondary: String,
    /// Only to recognize a signature with one of them.
    regenerated: Vec<String>,
}

/// A request to regenerate a key, named as in Azure's management API.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Regenerate {
    key_type: KeyType,
}

#[derive(Deserialize)]
enum KeyType {
    #[serde(alias = "primary")]
    Primary,
    #[serde(alias = "secondary")]
    Secondary,
}

impl Default for AccessKeys {
    fn default() -> Self {
        let [primary, secondary] = [DEVELOPMENT_KEY, DEVELOPMENT_KEY_SECONDARY].map(str::to_owned);
        Self { primary, secondary, regenerated: Vec::new() }
    }
}

impl AccessKeys {
    /// Returns whether a valid key made this signature of a string.
    pub(crate) fn verify(&self, string_to_sign: &str, signature: &str) -> bool {
        any_verifies([&self.primary, &self.secondary], string_to_sign, signature)
    }

    /// Returns whether a key made this signature that was valid before it was regenerated.
    pub(crate) fn verify_regenerated(&self, string_to_sign: &str, signature: &str) -> bool {
        any_verifies(&self.regenerated, string_to_sign, signature)
    }

    /// Returns the valid keys as the control API shows them.
    pub(crate) fn to_json(&self) -> Value {
        json!({ "primaryKey": self.primary, "secondaryKey": self.secondary })
    }

    /// Replaces a key with a random one of 64 bytes, the length of real ones.
    pub(crate) fn regenerate(&mut self, request: &Regenerate) -> Result<(), ApiError> {
        let mut bytes = [0; 64];
        SystemRandom::new().fill(&mut bytes).map_err(|_| ApiError::Internal)?;
        let key = match request.key_type {
            KeyType::Primary => &mut self.primary,
            KeyType::Secondary => &mut self.secondary,
        };
        self.regenerated.push(std::mem::replace(key, STANDARD.encode(bytes)));
        Ok(())
    }
}

fn any_verifies<'a>(keys: impl IntoIterator<Item = &'a String>, string_to_sign: &str, signature: &str) -> bool {
    let mut keys = keys.into_iter().filter_map(|key| AccessKey::from_base64(key).ok());
    keys.any(|key| key.verify(string_to_sign, signature))
}
