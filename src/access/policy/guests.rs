//! The grant for guests: which passes may be made, and which tokens they may be used for.

use std::fmt;

use acs_identity::types::{Scope, TokenLifetime};
use serde::Deserialize;

use super::{Grant, document};
use crate::problem::{FieldError, Kind, Problem};

/// The shortest lifetime of a pass, in minutes: a guest has to open the link.
pub const MIN_PASS_MINUTES: u32 = 5;

/// The longest lifetime of a pass, in minutes: 30 days.
pub const MAX_PASS_MINUTES: u32 = 43_200;

/// The largest number of uses of a pass.
pub const MAX_USES: u16 = 1000;

/// The default lifetime of a pass, in minutes: a day.
const DEFAULT_PASS_MINUTES: u32 = 1440;

/// The limits of guest passes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct GuestGrant {
    #[serde(deserialize_with = "document::scopes")]
    scopes: Vec<Scope>,
    #[serde(rename = "maxMinutes", deserialize_with = "document::minutes")]
    max_lifetime: TokenLifetime,
    #[serde(deserialize_with = "document::pass_minutes")]
    max_pass_minutes: u32,
    #[serde(deserialize_with = "document::uses")]
    max_uses: u16,
}

/// The terms of a pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassTerms {
    /// The scopes of the guests' tokens.
    pub scopes: Vec<Scope>,
    /// The lifetime of the guests' tokens.
    pub lifetime: TokenLifetime,
    /// The lifetime of the pass, in minutes.
    pub pass_minutes: u32,
    /// The number of guests.
    pub uses: u16,
}

impl Default for GuestGrant {
    /// Returns the scope to join calls, for an hour.
    fn default() -> Self {
        Self {
            scopes: vec![Scope::VoipJoin],
            max_lifetime: TokenLifetime::MIN,
            max_pass_minutes: MAX_PASS_MINUTES,
            max_uses: MAX_USES,
        }
    }
}

impl GuestGrant {
    /// Returns the terms of a pass. `None` stands for the default, as far as it is allowed.
    ///
    /// # Errors
    /// [`Kind::BeyondPolicy`] if a value is not allowed.
    pub fn allow(
        &self,
        scopes: Option<Vec<Scope>>,
        lifetime: Option<TokenLifetime>,
        pass_minutes: Option<u32>,
        uses: Option<u16>,
    ) -> Result<PassTerms, Problem> {
        let tokens = self.tokens();
        let mut errors = tokens.errors(scopes.as_deref().unwrap_or_default(), lifetime);
        let mut error = |pointer: &str, detail| errors.push(FieldError { pointer: pointer.to_owned(), detail });
        if pass_minutes.is_some_and(|minutes| minutes > self.max_pass_minutes) {
            error("/passExpiresInMinutes", format!("At most {} minutes are allowed.", self.max_pass_minutes));
        }
        if uses.is_some_and(|uses| uses > self.max_uses) {
            error("/uses", format!("At most {} are allowed.", self.max_uses));
        }
        if !errors.is_empty() {
            let detail = format!("A pass may have {self}. Ask for no more, or omit the field to get the default.");
            return Err(Problem { errors, ..Problem::new(Kind::BeyondPolicy, detail) });
        }
        let default_scopes = vec![Scope::VoipJoin];
        let is_default_allowed = tokens.errors(&default_scopes, None).is_empty();
        Ok(PassTerms {
            scopes: scopes.unwrap_or(if is_default_allowed { default_scopes } else { tokens.scopes }),
            lifetime: lifetime.unwrap_or(TokenLifetime::MIN),
            pass_minutes: pass_minutes.unwrap_or(DEFAULT_PASS_MINUTES.min(self.max_pass_minutes)),
            uses: uses.unwrap_or(1),
        })
    }

    /// Returns what a guest's token may have.
    pub(super) fn tokens(&self) -> Grant {
        Grant { scopes: self.scopes.clone(), max_lifetime: self.max_lifetime }
    }
}

impl fmt::Display for GuestGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { max_pass_minutes, max_uses, .. } = self;
        write!(f, "{}, be valid for at most {max_pass_minutes} minutes and have at most {max_uses} uses", self.tokens())
    }
}
