//! HMAC-SHA256 signatures of requests with an access key.
//!
//! <https://learn.microsoft.com/azure/communication-services/tutorials/hmac-header-tutorial>
//!
//! ```text
//! stringToSign = VERB \n path?query \n value;value;value     in the order of SignedHeaders
//! signature    = base64(HMAC-SHA256(base64-decode(access key), stringToSign))
//! ```

use std::{fmt, sync::Arc};

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::{Timestamp, fmt::rfc2822::DateTimePrinter};
use secrecy::zeroize::Zeroizing;
use sha2::{Digest as _, Sha256};

/// The signed headers, in the order in which their values are joined.
pub const SIGNED_HEADERS: &str = "x-ms-date;host;x-ms-content-sha256";

/// Accepts keys without padding, which is easily lost when a key is copied.
const KEY_BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// An access key of an ACS resource. `Debug` leaves out the key.
///
/// It is kept as the state of HMAC after the key, which is half of the work of a signature.
#[derive(Clone)]
pub struct AccessKey(Arc<Hmac<Sha256>>);

/// The error for a text that is not an access key. It does not contain the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the access key is not base64; copy the whole key from the resource's Keys page")]
pub struct InvalidAccessKey;

impl AccessKey {
    /// Decodes a key from base64, the form that the Azure portal shows.
    ///
    /// # Errors
    /// [`InvalidAccessKey`] if the text is not base64 or empty.
    pub fn from_base64(text: &str) -> Result<Self, InvalidAccessKey> {
        match KEY_BASE64.decode(text.trim()).map(Zeroizing::new) {
            Ok(key) if !key.is_empty() => Ok(Self(Arc::new(keyed(&key)))),
            _ => Err(InvalidAccessKey),
        }
    }

    /// Returns the signature of a string to sign, in base64.
    #[must_use]
    pub fn sign(&self, string_to_sign: &str) -> String {
        STANDARD.encode(self.keyed(string_to_sign).finalize().into_bytes())
    }

    /// Returns whether `signature` (base64) is that of `string_to_sign`, compared in constant time.
    #[must_use]
    pub fn verify(&self, string_to_sign: &str, signature: &str) -> bool {
        let mac = self.keyed(string_to_sign);
        STANDARD.decode(signature).is_ok_and(|bytes| mac.verify_slice(&bytes).is_ok())
    }

    fn keyed(&self, message: &str) -> Hmac<Sha256> {
        Hmac::clone(&self.0).chain_update(message)
    }
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessKey(..)")
    }
}

/// Returns the HMAC-SHA256 of a message (RFC 2104), not yet finalized, so that a signature can be compared in constant
/// time.
#[must_use]
pub fn hmac_sha256(key: &[u8], message: &[u8]) -> Hmac<Sha256> {
    keyed(key).chain_update(message)
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    // HMAC accepts keys of any length, so that the alternative is never used.
    Hmac::new_from_slice(key).unwrap_or_else(|_| Hmac::new(&<_>::default()))
}

/// Returns the value of `x-ms-content-sha256`: the SHA-256 of the body in base64.
#[must_use]
pub fn content_hash(body: &[u8]) -> String {
    STANDARD.encode(Sha256::digest(body))
}

/// Returns the value of `x-ms-date` (RFC 9110 section 5.6.7), such as `Wed, 13 Apr 2022 18:09:12 GMT`.
#[must_use]
pub fn http_date(at: Timestamp) -> String {
    // Only years before 0 have no such form.
    DateTimePrinter::new().timestamp_to_rfc9110_string(&at).unwrap_or_default()
}

/// Returns the string to sign: the method, the request target as sent, and the values of the signed headers.
#[must_use]
pub fn string_to_sign(method: &str, path_and_query: &str, signed_values: &[&str]) -> String {
    [method, path_and_query, &signed_values.join(";")].join("\n")
}

/// Returns the value of `Authorization`.
#[must_use]
pub fn authorization(signature: &str) -> String {
    ["HMAC-SHA256 SignedHeaders=", SIGNED_HEADERS, "&Signature=", signature].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

    fn key() -> AccessKey {
        AccessKey::from_base64("pw==").unwrap()
    }

    // Vectors of azure-sdk-for-js, test/internal/cryptoUtils.spec.ts.
    #[test]
    fn hashes_and_signatures_equal_those_of_the_javascript_sdk() {
        assert_eq!(content_hash(b"banana"), "tJPUg2Sv5E0RwBZc9HCkFk0eJgmRHvmYvoaNRq3j3k4=");
        assert_eq!(content_hash("😀".as_bytes()), "8EQ6NCxe9UeDoRG1G6Vsk45HTDIyTZDDpgycjjo34tk=");
        assert_eq!(content_hash(b""), EMPTY);
        assert_eq!(key().sign("banana"), "88EC05aAS9iXnaimtNO78JLjiPtfWryQB/5QYEzEsu8=");
        assert_eq!(key().sign("😀"), "1rudJKjn2Zi+3hRrBG29wIF6pD6YyAeQR1ZcFtXoKAU=");
    }

    // Vectors of azure-sdk-for-js, test/public/communicationKeyCredentialPolicy.spec.ts.
    #[test]
    fn signed_requests_equal_those_of_the_javascript_sdk() {
        let at: Timestamp = "2022-04-13T18:09:12.451Z".parse().unwrap();
        let date = http_date(at);
        assert_eq!(date, "Wed, 13 Apr 2022 18:09:12 GMT");
        for (target, signature) in [
            ("/testPath?testQuery=test", "DGdgwggJWnQyc6EHjR/Vbqg1ES64KpD6U2XwTDDj3tU="),
            ("/testPath", "+6tWkg3lNKVjQHHmxkdGQcJjUgzclsWTMebnuCz1ngU="),
        ] {
            let text = string_to_sign("GET", target, &[&date, "example.com", EMPTY]);
            assert_eq!(key().sign(&text), signature);
            assert!(key().verify(&text, signature));
            assert!(!key().verify(&text.replace("GET", "PUT"), signature));
        }
        let header = authorization("DGdg");
        assert_eq!(header, "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=DGdg");
    }

    // The key of the tests of the .NET and Java SDKs: it looks hexadecimal, and is base64.
    #[test]
    fn keys_without_padding_are_accepted_and_other_texts_rejected() {
        let hex = "68810419818922fb0263dd6ee4b9c56537dbad914aa7324a119fce26778a286e";
        assert!(AccessKey::from_base64(hex).is_ok());
        assert_eq!(AccessKey::from_base64("pw").unwrap().sign("banana"), key().sign("banana"));
        for wrong in ["", "  ", "not base64!", "p"] {
            assert_eq!(AccessKey::from_base64(wrong).unwrap_err(), InvalidAccessKey);
        }
        assert_eq!(format!("{:?}", key()), "AccessKey(..)");
    }
}
