//! Function keys of back ends, sent in the same header as to the Functions host.

use std::{fmt, sync::Arc};

use http::HeaderMap;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// The header that carries a key.
pub const KEY_HEADER: &str = "x-functions-key";

pub(super) const CHALLENGE: &str = "FunctionsKey header=\"x-functions-key\"";

/// The challenges for a key and for a bearer token (RFC 6750 section 3).
pub(super) const CHALLENGE_OR_BEARER: &str = "FunctionsKey header=\"x-functions-key\", Bearer";

pub(super) const SEND_ONE_KEY: &str = "Send a key of this service in one x-functions-key header.";

const WRONG_KEY: &str = "The key in x-functions-key is not a key of this service.";

/// A key and the name of the back end that has it. `Debug` shows only the name.
#[derive(Clone)]
pub struct CallerKey {
    /// The name of the back end, as the policy and the log use it.
    pub name: String,
    /// The key.
    pub key: SecretString,
}

impl fmt::Debug for CallerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallerKey").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Returns the name that belongs to the key in the request.
pub(super) fn check(keys: &[CallerKey], headers: &HeaderMap) -> Result<Arc<str>, &'static str> {
    let mut sent = headers.get_all(KEY_HEADER).iter();
    let (Some(sent), None) = (sent.next(), sent.next()) else { return Err(SEND_ONE_KEY) };
    // Hashes have one length, and every key is compared: the time taken reveals nothing about the keys.
    let sent = Sha256::digest(sent.as_bytes());
    let found = keys.iter().fold(None, |found, CallerKey { name, key }| {
        let same: bool = Sha256::digest(key.expose_secret().as_bytes()).ct_eq(&sent).into();
        if same { Some(name) } else { found }
    });
    found.map(|name| Arc::from(name.as_str())).ok_or(WRONG_KEY)
}
