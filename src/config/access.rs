//! The settings that limit callers: policy, rate limits, CORS.

use std::num::NonZeroU32;

use super::{
    EnvReader,
    table::{
        CORS_ALLOW_CREDENTIALS, CORS_ALLOWED_ORIGINS, RATE_LIMIT, RATE_LIMIT_GUESTS, RATE_LIMIT_KEYS,
        RATE_LIMIT_PASSES, TOKEN_POLICY,
    },
};
use crate::{
    access::{
        AccessRules,
        policy::Policy,
        rate_limits::{RateLimits, Rates},
    },
    auth::{Authenticator, BackendAuth},
    http::allowed_origins::{Cors, Origins},
};

const MAX_RATE: u32 = 100_000;

impl EnvReader<'_> {
    /// Returns what callers may do. `authenticator` is `None` if its settings are invalid.
    pub fn access(&mut self, authenticator: Option<&Authenticator>) -> Option<AccessRules> {
        let policy = self.policy(authenticator);
        let default = Rates::default();
        let users = self.rate(RATE_LIMIT, default.users);
        let keys = self.rate(RATE_LIMIT_KEYS, default.keys);
        let passes = self.rate(RATE_LIMIT_PASSES, default.passes);
        let guests = self.rate(RATE_LIMIT_GUESTS, default.guests);
        Some(AccessRules { policy: policy?, rate_limits: RateLimits::new(Rates { users, keys, passes, guests }) })
    }

    /// Reads JSON, or a file with JSON.
    fn policy(&mut self, authenticator: Option<&Authenticator>) -> Option<Policy> {
        let Some(mut text) = self.value(TOKEN_POLICY) else { return Some(Policy::default()) };
        if !text.starts_with(['{', '[', '"']) {
            text = match std::fs::read_to_string(text) {
                Ok(text) => text,
                Err(error) => {
                    let detail = format!("is neither JSON nor the path of a readable file: {}", error.kind());
                    return self.reject(TOKEN_POLICY, detail);
                }
            };
        }
        let policy = self.parse(TOKEN_POLICY, &text)?;
        self.check_key_names(&policy, authenticator);
        Some(policy)
    }

    /// Rejects entries that match no key: the key that was meant would have no limit.
    fn check_key_names(&mut self, policy: &Policy, authenticator: Option<&Authenticator>) {
        for name in policy.key_names() {
            let reason = match authenticator.map(|authenticator| &authenticator.backend_auth) {
                Some(BackendAuth::Keys(keys)) if keys.iter().any(|key| key.name == name) => continue,
                Some(BackendAuth::Keys(_)) => "CALLER_KEYS has no key of that name",
                Some(BackendAuth::FunctionsHost) => "the Functions host does not tell which key was used",
                Some(BackendAuth::Anyone) => "requests have no key",
                None => continue,
            };
            self.report(TOKEN_POLICY, format!("keys.{name}: has no effect, because {reason}; remove or correct it"));
        }
    }

    fn rate(&mut self, name: &'static str, default: Option<NonZeroU32>) -> Option<NonZeroU32> {
        match self.value(name).as_deref() {
            None => default,
            Some("none") => None,
            Some(text) => match text.parse::<NonZeroU32>() {
                Ok(rate) if rate.get() <= MAX_RATE => Some(rate),
                _ => self.reject(name, format!("must be `none` or requests per minute from 1 to {MAX_RATE}")),
            },
        }
    }

    /// Returns the origins that may call from a browser, or `None` if none is set.
    pub fn cors(&mut self) -> Option<Cors> {
        let credentials = self.flag(CORS_ALLOW_CREDENTIALS);
        let Some(text) = self.value(CORS_ALLOWED_ORIGINS) else {
            if credentials == Some(true) {
                let detail = format!("is `true`, but {CORS_ALLOWED_ORIGINS} is missing; set both or neither");
                self.report(CORS_ALLOW_CREDENTIALS, detail);
            }
            return None;
        };
        match text.parse() {
            Ok(Origins::Any) if credentials == Some(true) => {
                let detail = format!("is `*`, but {CORS_ALLOW_CREDENTIALS} is `true`; list the origins instead");
                self.reject(CORS_ALLOWED_ORIGINS, detail)
            }
            Ok(origins) => Some(Cors { origins, credentials: credentials? }),
            Err(error) => {
                error.0.into_iter().for_each(|error| self.report(CORS_ALLOWED_ORIGINS, error));
                None
            }
        }
    }
}
