//! The settings about what callers may have: policy, limits, CORS.

use std::num::NonZeroU32;

use super::EnvReader;
use crate::{
    access::{
        AccessRules,
        policy::Policy,
        rate_limits::{RateLimits, Rates},
    },
    auth::{Authenticator, BackendAuth},
    http::allowed_origins::{Cors, Origins},
};

pub(super) const TOKEN_POLICY: &str = "TOKEN_POLICY";
pub(super) const RATE_LIMIT: &str = "RATE_LIMIT";
pub(super) const RATE_LIMIT_KEYS: &str = "RATE_LIMIT_KEYS";
pub(super) const CORS_ALLOWED_ORIGINS: &str = "CORS_ALLOWED_ORIGINS";
pub(super) const CORS_ALLOW_CREDENTIALS: &str = "CORS_ALLOW_CREDENTIALS";

impl EnvReader<'_> {
    /// What these callers may have. `callers` is `None` where faults kept them from being read.
    pub fn rules(&mut self, callers: Option<&Authenticator>) -> Option<AccessRules> {
        let policy = self.policy(callers);
        let default = Rates::default();
        let people = self.rate(RATE_LIMIT, default.users);
        let keys = self.rate(RATE_LIMIT_KEYS, default.keys);
        // The host lets no preflight through to its handler, so CORS is the host's, and these settings would mislead.
        let cors = if callers.is_some_and(|callers| matches!(callers.backend_auth, BackendAuth::FunctionsHost)) {
            None
        } else {
            self.cors()
        };
        Some(AccessRules { policy: policy?, rate_limits: RateLimits::new(Rates { users: people, keys }), cors })
    }

    /// JSON, or the path of a file with JSON.
    fn policy(&mut self, callers: Option<&Authenticator>) -> Option<Policy> {
        let Some(text) = self.value(TOKEN_POLICY) else { return Some(Policy::default()) };
        let text = if text.starts_with(['{', '[', '"']) {
            text
        } else {
            match std::fs::read_to_string(text) {
                Ok(text) => text,
                Err(error) => {
                    let detail = format!("is neither JSON nor the path of a file that can be read: {}", error.kind());
                    return self.fault(TOKEN_POLICY, detail);
                }
            }
        };
        let policy: Policy = match text.parse() {
            Ok(policy) => policy,
            Err(error) => return self.fault(TOKEN_POLICY, error.to_string()),
        };
        self.check_key_names(&policy, callers);
        Some(policy)
    }

    /// An entry for a key that nobody has would limit nobody, and the key that was meant would have no limit.
    fn check_key_names(&mut self, policy: &Policy, callers: Option<&Authenticator>) {
        for name in policy.key_names() {
            let detail = match callers.map(|callers| &callers.backend_auth) {
                Some(BackendAuth::Keys(keys)) if keys.iter().any(|key| key.name == name) => continue,
                Some(BackendAuth::Keys(_)) => "no pair of CALLER_KEYS has that name",
                Some(BackendAuth::FunctionsHost) => "the Functions host checks keys, and does not say which one it was",
                Some(BackendAuth::Anyone) => "nobody is asked for a key",
                None => continue,
            };
            let _ = self.fault::<()>(TOKEN_POLICY, format!("keys.{name}: limits nobody: {detail}"));
        }
    }

    /// Requests a minute, or `none`. A fault gives none as well, but then nothing starts.
    fn rate(&mut self, name: &'static str, default: Option<NonZeroU32>) -> Option<NonZeroU32> {
        const MOST: u32 = 100_000;
        match self.value(name).as_deref() {
            None => default,
            Some("none") => None,
            Some(text) => match text.parse::<NonZeroU32>() {
                Ok(rate) if rate.get() <= MOST => Some(rate),
                _ => self.fault(name, format!("is neither none nor a number of requests a minute from 1 to {MOST}")),
            },
        }
    }

    fn cors(&mut self) -> Option<Cors> {
        let origins = self.value(CORS_ALLOWED_ORIGINS);
        let credentials = match self.value(CORS_ALLOW_CREDENTIALS).as_deref() {
            None | Some("false") => Some(false),
            Some("true") => Some(true),
            Some(_) => self.fault(CORS_ALLOW_CREDENTIALS, "is neither true nor false".to_owned()),
        };
        let Some(origins) = origins else {
            if credentials == Some(true) {
                let detail = format!("is true, but {CORS_ALLOWED_ORIGINS} is missing");
                return self.fault(CORS_ALLOW_CREDENTIALS, detail);
            }
            return None;
        };
        match origins.parse() {
            Ok(Origins::Any) if credentials == Some(true) => {
                let detail = format!("is *, and {CORS_ALLOW_CREDENTIALS} is true; name the origins instead");
                self.fault(CORS_ALLOWED_ORIGINS, detail)
            }
            Ok(origins) => Some(Cors { origins, credentials: credentials? }),
            Err(error) => {
                for fault in error.0 {
                    let _ = self.fault::<()>(CORS_ALLOWED_ORIGINS, fault);
                }
                None
            }
        }
    }
}
