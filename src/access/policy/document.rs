//! Reads the policy from JSON. Unknown and repeated names are errors.

use std::{collections::BTreeMap, fmt};

use acs_identity::{Scope, TokenLifetime, TokenRequest, types::UnknownScope};
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};

use super::{Grant, Policy};

/// Reads the whole document. The error names the first fault and its path.
pub(super) fn read(text: &str) -> Result<Policy, String> {
    // serde also reads a struct from an array of its fields; an empty one would be the default policy.
    if text.trim_start().starts_with('[') {
        return Err("must be an object".to_owned());
    }
    let mut json = serde_json::Deserializer::from_str(text);
    let policy = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let fault = describe(error.inner());
        if path == "." { fault } else { format!("{path}: {fault}") }
    })?;
    json.end().map_err(|error| describe(&error))?;
    Ok(policy)
}

/// Returns the text of an error and its remedy, without the position that serde appends.
fn describe(error: &serde_json::Error) -> String {
    let (line, column) = (error.line(), error.column());
    if !error.is_data() {
        return format!("is not JSON; correct line {line}, column {column}");
    }
    let text = error.to_string();
    let text = text.strip_suffix(&format!(" at line {line} column {column}")).unwrap_or(&text);
    match text.rsplit_once(", expected ") {
        // serde repeats a value of the wrong type. It may be a secret that was put into the wrong setting.
        Some((_, "struct Policy" | "struct Grant")) => "must be an object".to_owned(),
        Some((_, expected)) if text.starts_with("invalid type") => {
            format!("must be {}", expected.replace("a sequence", "an array"))
        }
        _ if text.starts_with("missing field") => format!("{text}; add it"),
        _ if text.starts_with("duplicate field") => format!("{text}; keep one"),
        _ => text.to_owned(),
    }
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
