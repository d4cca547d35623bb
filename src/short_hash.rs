//! The short hash by which logs name an identity.

use sha2::{Digest as _, Sha256};

/// Returns the first 12 hex digits of a text's SHA-256: enough to find the same identity again in the log, too little to
/// find out the id. `printf %s "$ID" | sha256sum | cut -c1-12` prints the same.
#[must_use]
pub fn short_hash(text: &str) -> String {
    hex::encode(&Sha256::digest(text)[..6])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_hash_equals_that_of_sha256sum() {
        let id = "8:acs:2dee53b4-368b-45b4-ab52-8493fb117652_00000005-14a2-493b-8a72-5a3a0d000081";
        assert_eq!(short_hash(id), "0148b7a746f4");
    }
}
