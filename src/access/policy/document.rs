//! The policy as JSON, read strictly: an unknown or repeated name is a fault.

use std::{collections::BTreeMap, fmt, marker::PhantomData};

use acs_identity::types::{Scope, TokenLifetime, TokenRequest, UnknownScope};
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error as _, MapAccess, Visitor, value::MapAccessDeserializer,
};

use super::{Grant, Policy};

#[derive(serde::Deserialize)]
#[serde(transparent)]
struct Document(#[serde(deserialize_with = "object")] Policy);

/// Reads the whole document, or says what its first fault is and where.
pub(super) fn read(text: &str) -> Result<Policy, String> {
    let mut json = serde_json::Deserializer::from_str(text);
    let Document(policy) = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let fault = describe(error.inner());
        if path == "." { fault } else { format!("{path}: {fault}") }
    })?;
    json.end().map_err(|error| describe(&error))?;
    Ok(policy)
}

/// One fault without its position, and with what to do about it.
fn describe(error: &serde_json::Error) -> String {
    let (line, column) = (error.line(), error.column());
    if !error.is_data() {
        return format!("is not JSON; correct line {line}, column {column}");
    }
    let text = error.to_string();
    let text = text.strip_suffix(&format!(" at line {line} column {column}")).unwrap_or(&text);
    match text.rsplit_once(", expected ") {
        // serde repeats a value of the wrong type. The value may be a secret that was put in the wrong setting.
        Some((_, expected)) if text.starts_with("invalid type") => {
            format!("must be {}", expected.replace("a sequence", "an array"))
        }
        _ if text.starts_with("missing field") => format!("{text}; add it"),
        _ if text.starts_with("duplicate field") => format!("{text}; keep one"),
        _ => text.to_owned(),
    }
}

/// Reads a struct from an object. By itself serde also reads one from an array of its fields' values.
pub(super) fn object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Object(PhantomData).deserialize(deserializer)
}

struct Object<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for Object<T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
}

/// Reads grants by name. serde's own maps would take the last of two entries with one name.
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
            grants.insert(name, map.next_value_seed(Object(PhantomData))?);
        }
        Ok(grants)
    }
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

/// Reads scopes, at least one and none twice, into the order of [`Scope::ALL`].
pub(super) fn scopes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Scope>, D::Error> {
    let scopes = Vec::<ScopeName>::deserialize(deserializer)?.into_iter().map(|ScopeName(scope)| scope).collect();
    let request = TokenRequest::new(scopes, None).map_err(D::Error::custom)?;
    Ok(Scope::ALL.into_iter().filter(|scope| request.scopes().contains(scope)).collect())
}

/// Reads a longest lifetime.
pub(super) fn minutes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TokenLifetime, D::Error> {
    let minutes = i64::deserialize(deserializer).ok().and_then(|minutes| TokenLifetime::from_minutes(minutes).ok());
    minutes.ok_or_else(|| D::Error::custom("must be a whole number of minutes from 60 to 1440"))
}
