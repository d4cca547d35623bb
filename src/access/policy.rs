//! The policy: which scopes and what lifetime a caller's tokens may have, by role or by name of a key.

mod document;
mod guests;

use std::{collections::BTreeMap, fmt, str::FromStr, sync::Arc};

use acs_identity::types::{Scope, TokenLifetime, TokenRequest};
use serde::Deserialize;

pub use guests::{GuestGrant, MAX_PASS_MINUTES, MAX_USES, MIN_PASS_MINUTES, PassTerms};

use crate::{
    auth::Caller,
    problem::{FieldError, Kind, Problem},
};

/// The grants for users, keys and guests. The [`Default`] applies without `TOKEN_POLICY`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    default: Grant,
    #[serde(deserialize_with = "document::grants")]
    roles: BTreeMap<String, Grant>,
    #[serde(deserialize_with = "document::grants")]
    keys: BTreeMap<String, Grant>,
    #[serde(deserialize_with = "document::guests")]
    guests: Arc<GuestGrant>,
}

/// The first error in a policy, with its path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidPolicy(String);

impl FromStr for Policy {
    type Err = InvalidPolicy;

    /// Parses JSON such as `{"default":{"scopes":["chat.join"],"maxMinutes":60},"roles":{"host":{…}},"keys":{"web":{…}}}`.
    fn from_str(text: &str) -> Result<Self, InvalidPolicy> {
        document::read(text).map_err(InvalidPolicy)
    }
}

impl Policy {
    /// Returns what a caller may have. Users have the union of the grants for their roles, or else the default. Back ends
    /// have no limit, unless there is a grant for their key.
    #[must_use]
    pub fn effective(&self, caller: &Caller) -> EffectivePolicy {
        let grant = match caller {
            Caller::User(user) => {
                let grants = user.roles.iter().filter_map(|role| self.roles.get(role)).cloned();
                Some(grants.reduce(|one, other| one.union(&other)).unwrap_or_else(|| self.default.clone()))
            }
            Caller::Key(name) => self.keys.get(&**name).cloned(),
            Caller::Guest(_) => Some(self.guests.tokens()),
            Caller::FunctionsHost | Caller::App(_) | Caller::Anyone => None,
        };
        EffectivePolicy { grant, guests: Arc::clone(&self.guests) }
    }

    /// Returns the names of the keys that have a grant.
    pub fn key_names(&self) -> impl Iterator<Item = &str> {
        self.keys.keys().map(String::as_str)
    }

    /// Returns the entries that grant scopes of Chat, such as `roles.host`, each with these scopes.
    #[must_use]
    pub fn chat_grants(&self) -> Vec<(String, Vec<Scope>)> {
        let of = |part: &'static str, grants: &BTreeMap<String, Grant>| -> Vec<_> {
            grants.iter().map(|(name, grant)| (format!("{part}.{name}"), grant.chat_scopes())).collect()
        };
        let default = vec![("default".to_owned(), self.default.chat_scopes())];
        let guests = vec![("guests".to_owned(), self.guests.tokens().chat_scopes())];
        let mut grants = [default, of("roles", &self.roles), of("keys", &self.keys), guests].concat();
        grants.retain(|(_, scopes)| !scopes.is_empty());
        grants
    }
}

/// The scopes and the lifetime that one caller may have. The access layer puts it into the request's extensions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EffectivePolicy {
    grant: Option<Grant>,
    guests: Arc<GuestGrant>,
}

impl EffectivePolicy {
    /// Returns whether the caller has a limit.
    #[must_use]
    pub const fn is_limited(&self) -> bool {
        self.grant.is_some()
    }

    /// Returns what the passes of guests may grant.
    #[must_use]
    pub fn guests(&self) -> &GuestGrant {
        &self.guests
    }

    /// Returns the token request for these scopes and this lifetime. For a caller with a limit, `None` stands for all that
    /// is allowed.
    ///
    /// # Errors
    /// [`Kind::BeyondPolicy`] if scopes or lifetime are not allowed, [`Kind::InvalidFields`] if a caller without a limit
    /// names no scopes.
    pub fn allow(&self, scopes: Option<&[Scope]>, lifetime: Option<TokenLifetime>) -> Result<TokenRequest, Problem> {
        let Some(grant) = &self.grant else { return request(scopes.unwrap_or_default(), lifetime) };
        let errors = grant.errors(scopes.unwrap_or_default(), lifetime);
        if errors.is_empty() {
            return request(scopes.unwrap_or(&grant.scopes), Some(lifetime.unwrap_or(grant.max_lifetime)));
        }
        let detail = format!("You may have {grant}. Ask for no more, or omit the field to get all of it.");
        Err(Problem { errors, ..Problem::new(Kind::BeyondPolicy, detail) })
    }
}

fn request(scopes: &[Scope], lifetime: Option<TokenLifetime>) -> Result<TokenRequest, Problem> {
    TokenRequest::new(scopes.to_vec(), lifetime)
        .map_err(|error| Problem::fields(vec![FieldError { pointer: "/scopes".to_owned(), detail: error.to_string() }]))
}

/// Returns whether a scope gives all that the other one gives.
///
/// <https://learn.microsoft.com/azure/communication-services/concepts/identity-model#access-tokens>
fn includes(scope: Scope, other: Scope) -> bool {
    let included = match scope {
        Scope::Chat => &[Scope::ChatJoin, Scope::ChatJoinLimited][..],
        Scope::ChatJoin => &[Scope::ChatJoinLimited],
        Scope::Voip => &[Scope::VoipJoin],
        Scope::ChatJoinLimited | Scope::VoipJoin => &[],
    };
    scope == other || included.contains(&other)
}

/// At least one scope, in the order of [`Scope::ALL`], and the longest lifetime.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Grant {
    #[serde(deserialize_with = "document::scopes")]
    scopes: Vec<Scope>,
    #[serde(rename = "maxMinutes", deserialize_with = "document::minutes")]
    max_lifetime: TokenLifetime,
}

impl Default for Grant {
    /// Returns the scope to join calls, for an hour. ACS retires Chat on 2028-09-30, so a policy has to name its scopes.
    fn default() -> Self {
        Self { scopes: vec![Scope::VoipJoin], max_lifetime: TokenLifetime::MIN }
    }
}

impl Grant {
    fn union(&self, other: &Self) -> Self {
        let in_either = |scope: &Scope| self.scopes.contains(scope) || other.scopes.contains(scope);
        let scopes = Scope::ALL.into_iter().filter(in_either).collect();
        Self { scopes, max_lifetime: self.max_lifetime.max(other.max_lifetime) }
    }

    /// Returns an error for each scope and for the lifetime that is not allowed.
    fn errors(&self, scopes: &[Scope], lifetime: Option<TokenLifetime>) -> Vec<FieldError> {
        let mut errors = Vec::new();
        for (i, scope) in scopes.iter().enumerate() {
            if !self.scopes.iter().any(|allowed| includes(*allowed, *scope)) {
                let detail = format!("The scope {scope} is not allowed; allowed are {}.", self.scope_names());
                errors.push(FieldError { pointer: format!("/scopes/{i}"), detail });
            }
        }
        if lifetime.is_some_and(|lifetime| lifetime > self.max_lifetime) {
            let detail = format!("At most {} minutes are allowed.", self.max_lifetime.minutes());
            errors.push(FieldError { pointer: "/expiresInMinutes".to_owned(), detail });
        }
        errors
    }

    fn chat_scopes(&self) -> Vec<Scope> {
        self.scopes.iter().copied().filter(|scope| includes(Scope::Chat, *scope)).collect()
    }

    fn scope_names(&self) -> String {
        self.scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the scopes {} for at most {} minutes", self.scope_names(), self.max_lifetime.minutes())
    }
}
