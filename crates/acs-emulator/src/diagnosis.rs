//! Why a signature is wrong: the string that had to be signed, beside the one that was signed where that can be found.

use std::{fmt, iter};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::SignedDuration;
use percent_encoding::percent_decode_str;

use super::{authentication::Received, keys::Keys};
use acs_identity::signature::string_to_sign;

/// What is known of a signature that does not match the request.
#[derive(Debug)]
pub(super) enum WrongSignature {
    /// The signature is not base64 of 32 bytes.
    NotASignature,
    /// The right string was signed with a key that was regenerated since.
    OldKey,
    /// The caller states that it signed the right string, so its key is another.
    OtherKey,
    /// Another string was signed with the right key.
    OtherString { signed: String, expected: String },
    /// Neither key nor string is known to be wrong. Names the headers that go into the string, as received.
    Unknown { expected: String, headers: String, skew: SignedDuration },
}

impl fmt::Display for WrongSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotASignature => f.write_str("the signature is not base64 of 32 bytes"),
            Self::OldKey => f.write_str("the access key was regenerated; GET the current one from the control API"),
            Self::OtherKey => {
                f.write_str("the access key is not the emulator's: the caller signed the right string with another key")
            }
            Self::OtherString { signed, expected } => {
                write!(f, "the signature differs: expected the string {expected:?}, but {signed:?} was signed")
            }
            Self::Unknown { expected, headers, skew } => write!(
                f,
                "the signature differs: the access key is not the emulator's, or another string was signed; \
                 expected the string {expected:?}, of the headers {headers}; the caller's clock is {} s off",
                skew.as_secs()
            ),
        }
    }
}

/// Compares a signature that was refused with the request: `names` and `values` are those of the signed headers.
pub(super) fn diagnose(
    keys: &Keys,
    request: &Received<'_>,
    names: &[&str],
    values: &[&str],
    signature: &str,
    skew: SignedDuration,
) -> WrongSignature {
    if STANDARD.decode(signature).map_or(0, |bytes| bytes.len()) != 32 {
        return WrongSignature::NotASignature;
    }
    let expected = string_to_sign(request.method, request.target, values);
    if keys.regenerated().any(|key| key.verify(&expected, signature)) {
        return WrongSignature::OldKey;
    }
    let stated = stated(request);
    if stated.as_ref() == Some(&expected) {
        return WrongSignature::OtherKey;
    }
    let decoded = percent_decode_str(request.target).decode_utf8_lossy();
    let fits = |text: &String| keys.good().iter().any(|key| key.verify(text, signature));
    let mut candidates = stated.into_iter().chain(iter::once(string_to_sign(request.method, &decoded, values)));
    if let Some(signed) = candidates.find(fits) {
        return WrongSignature::OtherString { signed, expected };
    }
    let headers: Vec<_> = iter::zip(names, values).map(|(name, value)| format!("{name}: {value:?}")).collect();
    WrongSignature::Unknown { expected, headers: headers.join(", "), skew }
}

/// The string that the caller states to have signed. The Java SDK sends it along.
fn stated(request: &Received<'_>) -> Option<String> {
    let header = request.headers.get("x-ms-hmac-string-to-sign-base64")?;
    String::from_utf8(STANDARD.decode(header).ok()?).ok()
}
