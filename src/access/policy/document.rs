//! Reads the policy from JSON. Unknown and repeated names are errors.

use std::{collections::BTreeMap, fmt, sync::Arc};

use acs_identity::{Scope, TokenLifetime, TokenRequest, types::UnknownScope};
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};

use super::{
    Grant, GuestGrant, Policy,
    guests::{MAX_PASS_MINUTES, MAX_USES, MIN_PASS_MINUTES},
};
use crate::document::{self, Object};

/// Reads the whole document. The error names the first fault and its path.
pub(super) fn read(text: &str) -> Result<Policy, String> {
    document::read(text).map(|Object(policy)| policy)
}

/// Reads grants by name. serde's own maps accept repeated names.
pub(super) fn grants<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, Grant>, D::Error> {
    deserializer.deserialize_map(Grants)
}

struct Grants;

impl<'de> Visitor<'de> for Grants {
    type Value = BTreeMap<String, Grant>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut grants = BTreeMap::new();
        while let Some(name) = map.next_key::<String>()? {
            if name.trim().is_empty() {
                return Err(A::Error::custom("an entry has an empty name; give it a name"));
            }
            if grants.contains_key(&name) {
                return Err(A::Error::custom(format!("duplicate entry `{name}`; keep one")));
            }
            grants.insert(name, map.next_value()?);
        }
        Ok(grants)
    }
}

/// Reads the entry for guests.
pub(super) fn guests<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<GuestGrant>, D::Error> {
    Object::deserialize(deserializer).map(|Object(guests)| Arc::new(guests))
}

#[derive(serde::Deserialize)]
#[serde(try_from = "String")]
struct ScopeName(Scope);

impl TryFrom<String> for ScopeName {
    type Error = UnknownScope;

    fn try_from(text: String) -> Result<Self, UnknownScope> {
        text.parse().map(Self)
    }
}

/// Reads scopes, at least one and none twice, and sorts them as [`Scope::ALL`].
pub(super) fn scopes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Scope>, D::Error> {
    let scopes = Vec::<ScopeName>::deserialize(deserializer)?.into_iter().map(|ScopeName(scope)| scope).collect();
    let request = TokenRequest::new(scopes, None).map_err(D::Error::custom)?;
    Ok(Scope::ALL.into_iter().filter(|scope| request.scopes().contains(scope)).collect())
}

/// Reads a lifetime.
pub(super) fn minutes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TokenLifetime, D::Error> {
    let minutes = i64::deserialize(deserializer).ok().and_then(|minutes| TokenLifetime::from_minutes(minutes).ok());
    minutes.ok_or_else(|| D::Error::custom("must be a whole number of minutes from 60 to 1440"))
}

/// Reads the longest lifetime of a pass.
pub(super) fn pass_minutes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let minutes = u32::deserialize(deserializer).ok().filter(|n| (MIN_PASS_MINUTES..=MAX_PASS_MINUTES).contains(n));
    minutes.ok_or_else(|| {
        D::Error::custom(format!("must be a whole number of minutes from {MIN_PASS_MINUTES} to {MAX_PASS_MINUTES}"))
    })
}

/// Reads the largest number of uses.
pub(super) fn uses<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    let uses = u16::deserialize(deserializer).ok().filter(|uses| (1..=MAX_USES).contains(uses));
    uses.ok_or_else(|| D::Error::custom(format!("must be a whole number from 1 to {MAX_USES}")))
}
