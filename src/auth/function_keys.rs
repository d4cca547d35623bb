//! Keys of back ends, as on the Functions host: in a header, compared so that nothing is cache from the time it takes.

use std::{fmt, sync::Arc};

use http::HeaderMap;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// The header that carries a key, as on the Functions host.
pub const KEY_HEADER: &str = "x-functions-key";

pub(super) const CHALLENGE: &str = "FunctionsKey header=\"x-functions-key\"";

pub(super) const MISSING: &str = "Send one x-functions-key header with one of the keys that the operator gave out.";

/// A key and the name of the caller that has it. `Debug` shows the name alone.
#[derive(Clone)]
pub struct CallerKey {
    /// The caller's name, for logs.
    pub name: String,
    /// The key.
    pub key: SecretString,
}

impl fmt::Debug for CallerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallerKey").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The name of the caller whose key the request has.
pub(super) fn check(keys: &[CallerKey], headers: &HeaderMap) -> Result<Arc<str>, &'static str> {
    let mut given = headers.get_all(KEY_HEADER).iter();
    let (Some(given), None) = (given.next(), given.next()) else { return Err(MISSING) };
    // Hashing first makes the compared texts equally long; comparing with all keys hides which one is near.
    let given = Sha256::digest(given.as_bytes());
    let found = keys.iter().fold(None, |found, CallerKey { name, key }| {
        let same: bool = Sha256::digest(key.expose_secret().as_bytes()).ct_eq(&given).into();
        if same { Some(name) } else { found }
    });
    found.map(|name| Arc::from(name.as_str())).ok_or("The key in x-functions-key is none of this service's.")
}
