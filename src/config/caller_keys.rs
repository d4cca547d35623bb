//! `CALLER_KEYS`: the keys of back ends and their names.

use secrecy::ExposeSecret as _;

use super::{EnvReader, form, table::CALLER_KEYS};
use crate::auth::CallerKey;

/// Shorter keys could be guessed.
const MIN_KEY_LENGTH: usize = 16;

/// The remedy for a wrong separator.
const SEPARATE: &str = "separate pairs by `;`";

impl EnvReader<'_> {
    /// Reads `name=key` pairs separated by `;`. Only the first `=` divides, because a base64 key may end with `=`.
    pub(super) fn caller_keys(&mut self) -> Vec<CallerKey> {
        let Some(text) = self.value(CALLER_KEYS) else { return Vec::new() };
        let pairs = text.split(';').map(str::trim).filter(|pair| !pair.is_empty());
        let mut keys: Vec<CallerKey> = Vec::new();
        for (i, pair) in pairs.enumerate() {
            if let Err(fault) = add_pair(pair, &mut keys) {
                self.report(CALLER_KEYS, format!("pair {} {fault}", i + 1));
            }
        }
        if keys.is_empty() {
            self.report(CALLER_KEYS, format!("has no valid pair; set name=key and {SEPARATE}"));
        }
        keys
    }
}

/// Adds one pair. The name decides which entry of the policy applies, so each key has exactly one.
fn add_pair(pair: &str, keys: &mut Vec<CallerKey>) -> Result<(), String> {
    let Some((name, key)) = pair.split_once('=').map(|(name, key)| (name.trim(), key.trim())) else {
        return Err("is not name=key; write a name before each key, and no `;` in a key".to_owned());
    };
    check_name(name)?;
    let fault = if keys.iter().any(|other| other.name == name) {
        Err("repeats the name of an earlier pair; rename it".to_owned())
    } else if keys.iter().any(|other| other.key.expose_secret() == key) {
        Err("repeats the key of an earlier pair; give each name a key of its own".to_owned())
    } else {
        check_key(key)
    };
    // Also with a fault: the policy may name the pair, and that is no second error.
    keys.push(CallerKey { name: name.to_owned(), key: key.to_owned().into() });
    fault
}

fn check_name(name: &str) -> Result<(), String> {
    let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    if name.is_empty() || !name.bytes().all(is_allowed) {
        return Err("has a name that is not made of letters, digits, `-`, `_` and `.`; write name=key".to_owned());
    }
    // The parts of a connection string look like pairs, and an endpoint is no secret.
    if ["endpoint", "accesskey"].iter().any(|part| name.eq_ignore_ascii_case(part)) {
        return Err("is a part of a connection string; set name=key pairs with keys that you generate".to_owned());
    }
    Ok(())
}

/// A key is sent in a header, and generators of random keys use visible ASCII characters. Others come from a mistake.
fn check_key(key: &str) -> Result<(), String> {
    if key.chars().any(char::is_whitespace) {
        return Err(format!("has a key with white space; {SEPARATE}, and use keys without white space"));
    }
    if form::is_quoted(key) {
        return Err("has a key that begins with a quotation mark; remove the quotation marks".to_owned());
    }
    if !key.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(format!("has a key with a character that is not ASCII; {SEPARATE}, and use ASCII keys"));
    }
    if begins_another_pair(key) {
        return Err(format!(
            "has a key that contains another name=key; {SEPARATE}, and use keys without `,` before a name"
        ));
    }
    if key.contains("://") {
        return Err("has a URL as its key; set the key itself".to_owned());
    }
    if key.len() < MIN_KEY_LENGTH {
        return Err(format!("has a short key; use at least {MIN_KEY_LENGTH} characters"));
    }
    Ok(())
}

/// Returns whether a key contains `,name=` or the like, as it does if pairs are separated by another character than `;`.
fn begins_another_pair(key: &str) -> bool {
    key.split([',', '|', '&'])
        .skip(1)
        .any(|rest| rest.split_once('=').is_some_and(|(name, key)| check_name(name).is_ok() && !key.is_empty()))
}
