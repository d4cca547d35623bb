//! The short hash by which logs name an identity.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

/// The first 12 hex digits of a text's SHA-256: enough to find the same one again, too little to find out the text
/// of a long random id. `printf %s "$ID" | sha256sum | cut -c1-12` gives the same.
#[must_use]
pub fn short_hash(text: &str) -> String {
    Sha256::digest(text).iter().take(6).fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // printf %s 8:acs:… | sha256sum | cut -c1-12
    #[test]
    fn hashes_as_a_shell_does() {
        let id = "8:acs:2dee53b4-368b-45b4-ab52-8493fb117652_00000005-14a2-493b-8a72-5a3a0d000081";
        assert_eq!(short_hash(id), "0148b7a746f4");
    }
}
