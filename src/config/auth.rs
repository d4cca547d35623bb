//! The settings that authenticate callers.

use super::{
    EnvReader, Program,
    table::{ALLOW_ANONYMOUS, CALLER_KEYS, OIDC_ISSUERS},
};
use crate::auth::{Authenticator, BackendAuth, CallerKey};

/// Shorter keys could be guessed.
const MIN_KEY_LENGTH: usize = 16;

impl EnvReader<'_> {
    /// Returns how callers are authenticated.
    pub fn authenticator(&mut self, program: Program) -> Option<Authenticator> {
        let bearer = self.bearer();
        if program == Program::Functions {
            return Some(Authenticator { backend_auth: BackendAuth::FunctionsHost, bearer });
        }
        let (anonymous, keys) = (self.flag(ALLOW_ANONYMOUS)?, self.list(CALLER_KEYS, ';'));
        if anonymous {
            for name in [CALLER_KEYS, OIDC_ISSUERS].into_iter().filter(|name| self.is_set(name)).collect::<Vec<_>>() {
                self.report(ALLOW_ANONYMOUS, format!("is `true`, but {name} is also set; unset one of them"));
            }
            return Some(Authenticator { backend_auth: BackendAuth::Anyone, bearer });
        }
        if !self.is_any_set(&[CALLER_KEYS, OIDC_ISSUERS]) {
            let detail = "is missing; set name=key pairs separated by semicolons, or set OIDC_ISSUERS, or set \
                          ALLOW_ANONYMOUS=true if callers are authenticated before they reach this service";
            return self.reject(CALLER_KEYS, detail);
        }
        let keys = keys.map(|pairs| self.caller_keys(&pairs)).unwrap_or_default();
        Some(Authenticator { backend_auth: BackendAuth::Keys(keys), bearer })
    }

    /// Returns whether any setting says how callers are authenticated. The Functions host needs none.
    #[must_use]
    pub fn names_callers(&self) -> bool {
        self.is_any_set(&[CALLER_KEYS, ALLOW_ANONYMOUS, OIDC_ISSUERS])
    }

    /// Reads `name=key` pairs. Only the first `=` divides, because a base64 key may end with `=`.
    fn caller_keys(&mut self, pairs: &[String]) -> Vec<CallerKey> {
        let mut keys: Vec<CallerKey> = Vec::new();
        for (i, pair) in pairs.iter().enumerate() {
            let problem = match pair.split_once('=').map(|(name, key)| (name.trim(), key.trim())) {
                None | Some(("", _)) => "is not name=key".to_owned(),
                Some((name, _)) if keys.iter().any(|other| other.name == name) => {
                    "repeats the name of an earlier pair; rename it".to_owned()
                }
                Some((_, key)) if key.len() < MIN_KEY_LENGTH => {
                    format!("has a short key; use at least {MIN_KEY_LENGTH} characters")
                }
                Some((name, key)) => {
                    keys.push(CallerKey { name: name.to_owned(), key: key.to_owned().into() });
                    continue;
                }
            };
            self.report(CALLER_KEYS, format!("pair {} {problem}", i + 1));
        }
        keys
    }
}
