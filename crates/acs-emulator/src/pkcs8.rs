//! A private key as a text: its PKCS #8 document in base64.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

/// The document. Nothing prints it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct Pkcs8(pub(super) Vec<u8>);

impl TryFrom<String> for Pkcs8 {
    type Error = base64::DecodeError;

    fn try_from(text: String) -> Result<Self, base64::DecodeError> {
        STANDARD.decode(text).map(Self)
    }
}

impl From<Pkcs8> for String {
    fn from(Pkcs8(document): Pkcs8) -> Self {
        STANDARD.encode(document)
    }
}
