//! Which tokens a caller may have: scopes and a longest lifetime, by role or by the name of a key.

mod document;

use std::{collections::BTreeMap, fmt, str::FromStr};

use acs_identity::types::{Scope, TokenLifetime, TokenRequest};
use serde::Deserialize;

use crate::{
    auth::Caller,
    problem::{FieldFault, Kind, Problem},
};

/// What roles and keys may have. The [`Default`] is the policy out of the box.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    #[serde(deserialize_with = "document::object")]
    default: Grant,
    #[serde(deserialize_with = "document::grants")]
    roles: BTreeMap<String, Grant>,
    #[serde(deserialize_with = "document::grants")]
    keys: BTreeMap<String, Grant>,
}

/// The first fault of a policy, with its path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidPolicy(String);

impl FromStr for Policy {
    type Err = InvalidPolicy;

    /// Reads JSON such as `{"default":{"scopes":["chat.join"],"maxMinutes":60},"roles":{"host":{…}},"keys":{"web":{…}}}`.
    fn from_str(text: &str) -> Result<Self, InvalidPolicy> {
        document::read(text).map_err(InvalidPolicy)
    }
}

impl Policy {
    /// What a caller may have. People have the union of what their roles give, or the default if none gives anything.
    /// Back ends are trusted: they have no limit, unless the policy has an entry for their key.
    #[must_use]
    pub fn allowance(&self, caller: &Caller) -> EffectivePolicy {
        EffectivePolicy(match caller {
            Caller::User(person) => {
                let grants = person.roles.iter().filter_map(|role| self.roles.get(role)).cloned();
                Some(grants.reduce(|one, other| one.union(&other)).unwrap_or_else(|| self.default.clone()))
            }
            Caller::Key(name) => self.keys.get(&**name).cloned(),
            Caller::Host | Caller::App(_) | Caller::Anyone => None,
        })
    }

    /// What a caller gets who asks for this; see [`EffectivePolicy::allow`].
    ///
    /// # Errors
    /// As of [`EffectivePolicy::allow`].
    pub fn allow(
        &self,
        caller: &Caller,
        asked: Option<&[Scope]>,
        lifetime: Option<TokenLifetime>,
    ) -> Result<TokenRequest, Problem> {
        self.allowance(caller).allow(asked, lifetime)
    }

    /// The names of the keys that it has entries for.
    pub fn key_names(&self) -> impl Iterator<Item = &str> {
        self.keys.keys().map(String::as_str)
    }
}

/// What one caller may have. `app` puts it into the request's extensions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EffectivePolicy(Option<Grant>);

impl EffectivePolicy {
    /// Whether anything is beyond it.
    #[must_use]
    pub const fn is_limited(&self) -> bool {
        self.0.is_some()
    }

    /// The token that is asked for, if it is allowed. Who names no scope or no lifetime gets all that is allowed.
    ///
    /// # Errors
    /// [`Kind::BeyondPolicy`] names what is allowed, and each field that asks for more; [`Kind::InvalidFields`] says that
    /// somebody without limits has to name scopes.
    pub fn allow(&self, asked: Option<&[Scope]>, lifetime: Option<TokenLifetime>) -> Result<TokenRequest, Problem> {
        let Some(grant) = &self.0 else { return request(asked.unwrap_or_default(), lifetime) };
        let mut errors = Vec::new();
        for (i, scope) in asked.unwrap_or_default().iter().enumerate() {
            if !grant.scopes.iter().any(|allowed| within(*scope, *allowed)) {
                let detail = format!("The scope {scope} is not allowed; what is allowed is {}.", grant.scope_names());
                errors.push(FieldFault { pointer: format!("/scopes/{i}"), detail });
            }
        }
        if lifetime.is_some_and(|lifetime| lifetime > grant.longest) {
            let detail = format!("At most {} minutes are allowed.", grant.longest.minutes());
            errors.push(FieldFault { pointer: "/expiresInMinutes".to_owned(), detail });
        }
        if errors.is_empty() {
            return request(asked.unwrap_or(&grant.scopes), Some(lifetime.unwrap_or(grant.longest)));
        }
        let detail = format!("You may have {grant}. Ask for no more, or leave the field out for all of it.");
        Err(Problem { errors, ..Problem::new(Kind::BeyondPolicy, detail) })
    }
}

fn request(scopes: &[Scope], lifetime: Option<TokenLifetime>) -> Result<TokenRequest, Problem> {
    TokenRequest::new(scopes.to_vec(), lifetime)
        .map_err(|error| Problem::fields(vec![FieldFault { pointer: "/scopes".to_owned(), detail: error.to_string() }]))
}

/// Whether a scope gives nothing that the other does not give.
///
/// <https://learn.microsoft.com/azure/communication-services/concepts/identity-model#access-tokens>
fn within(scope: Scope, other: Scope) -> bool {
    let wider = match scope {
        Scope::ChatJoinLimited => &[Scope::ChatJoin, Scope::Chat][..],
        Scope::ChatJoin => &[Scope::Chat],
        Scope::VoipJoin => &[Scope::Voip],
        Scope::Chat | Scope::Voip => &[],
    };
    scope == other || wider.contains(&other)
}

/// Scopes, at least one, in the order of [`Scope::ALL`], and the longest lifetime.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Grant {
    #[serde(deserialize_with = "document::scopes")]
    scopes: Vec<Scope>,
    #[serde(rename = "maxMinutes", deserialize_with = "document::minutes")]
    longest: TokenLifetime,
}

impl Default for Grant {
    /// To join what others have begun, for an hour.
    fn default() -> Self {
        Self { scopes: vec![Scope::ChatJoin, Scope::VoipJoin], longest: TokenLifetime::MIN }
    }
}

impl Grant {
    fn union(&self, other: &Self) -> Self {
        let in_either = |scope: &Scope| self.scopes.contains(scope) || other.scopes.contains(scope);
        let scopes = Scope::ALL.into_iter().filter(in_either).collect();
        Self { scopes, longest: self.longest.max(other.longest) }
    }

    fn scope_names(&self) -> String {
        self.scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the scopes {} for at most {} minutes", self.scope_names(), self.longest.minutes())
    }
}

#[cfg(test)]
mod tests;
