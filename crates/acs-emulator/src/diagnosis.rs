//! The reason for a wrong signature: the expected string to sign, and the signed one if it can be found.

use std::iter;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::SignedDuration;
use percent_encoding::percent_decode_str;

use crate::{access_keys::AccessKeys, request::Received};
use acs_identity::signature::string_to_sign;

/// The reason why a signature does not match its request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WrongSignature {
    #[error("the signature is not base64 of 32 bytes")]
    NotASignature,
    #[error("the access key was regenerated; GET the current one from the control API")]
    OldKey,
    /// The caller states that it signed the right string.
    #[error("the access key is not the emulator's: the caller signed the right string with another key")]
    OtherKey,
    #[error("the signature differs: expected the string {expected:?}, but {signed:?} was signed")]
    OtherString { signed: String, expected: String },
    /// Neither key nor string is known. `headers` are the signed ones as received.
    #[error(
        "the signature differs: the access key is not the emulator's, or another string was signed; \
         expected the string {expected:?}, of the headers {headers}; the caller's clock is {} s off",
        skew.as_secs()
    )]
    Unknown { expected: String, headers: String, skew: SignedDuration },
}

/// Compares a wrong signature with its request. `names` and `values` are those of the signed headers.
pub(crate) fn diagnose(
    keys: &AccessKeys,
    request: &Received,
    names: &[&str],
    values: &[&str],
    signature: &str,
    skew: SignedDuration,
) -> WrongSignature {
    if STANDARD.decode(signature).map_or(0, |bytes| bytes.len()) != 32 {
        return WrongSignature::NotASignature;
    }
    let method = request.parts.method.as_str();
    let expected = string_to_sign(method, request.target(), values);
    if keys.verify_regenerated(&expected, signature) {
        return WrongSignature::OldKey;
    }
    let stated = stated(request);
    if stated.as_ref() == Some(&expected) {
        return WrongSignature::OtherKey;
    }
    let decoded = percent_decode_str(request.target()).decode_utf8_lossy();
    let mut candidates = stated.into_iter().chain(iter::once(string_to_sign(method, &decoded, values)));
    if let Some(signed) = candidates.find(|text| keys.verify(text, signature)) {
        return WrongSignature::OtherString { signed, expected };
    }
    let headers: Vec<_> = iter::zip(names, values).map(|(name, value)| format!("{name}: {value:?}")).collect();
    WrongSignature::Unknown { expected, headers: headers.join(", "), skew }
}

/// Returns the string that the caller states to have signed. The Java SDK sends it.
fn stated(request: &Received) -> Option<String> {
    let header = request.header("x-ms-hmac-string-to-sign-base64")?;
    String::from_utf8(STANDARD.decode(header).ok()?).ok()
}
