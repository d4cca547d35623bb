//! What the directory keeps of a user: one small JSON object.

use acs_identity::types::IdentityId;
use serde::{Deserialize, Serialize};

/// What is known of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// The user has this identity.
    Identity(IdentityId),
    /// The user has asked to be forgotten. The identity may be there still, but is not to be used again.
    Leaving(IdentityId),
    /// The user was forgotten. The object stays, since no store can delete one only if nobody has changed it meanwhile.
    Forgotten,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireRecord {
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<String>,
    #[serde(default, skip_serializing_if = "is_false")]
    leaving: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over so")]
const fn is_false(value: &bool) -> bool {
    !*value
}

/// An object that no directory wrote.
#[derive(Debug, thiserror::Error)]
#[error("the object is not a record of a directory")]
pub(super) struct NotARecord;

impl Record {
    pub(super) fn from_json(json: &[u8]) -> Result<Self, NotARecord> {
        let WireRecord { identity, leaving } = serde_json::from_slice(json).map_err(|_| NotARecord)?;
        match (identity.map(|id| id.parse()), leaving) {
            (Some(Ok(id)), false) => Ok(Self::Identity(id)),
            (Some(Ok(id)), true) => Ok(Self::Leaving(id)),
            (None, false) => Ok(Self::Forgotten),
            (Some(Err(_)), _) | (None, true) => Err(NotARecord),
        }
    }

    pub(super) fn to_json(&self) -> Vec<u8> {
        let (identity, leaving) = match self {
            Self::Identity(id) => (Some(id.as_str().to_owned()), false),
            Self::Leaving(id) => (Some(id.as_str().to_owned()), true),
            Self::Forgotten => (None, false),
        };
        // Strings and flags: serde_json has no way to fail on these.
        serde_json::to_vec(&WireRecord { identity, leaving }).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "8:acs:2dee53b4-368b-45b4-ab52-8493fb117652_00000005-14a2-493b-8a72-5a3a0d000081";

    #[test]
    fn is_written_and_read_back() {
        let id: IdentityId = ID.parse().unwrap();
        for (record, json) in [
            (Record::Identity(id.clone()), format!(r#"{{"identity":"{ID}"}}"#)),
            (Record::Leaving(id), format!(r#"{{"identity":"{ID}","leaving":true}}"#)),
            (Record::Forgotten, "{}".to_owned()),
        ] {
            assert_eq!(String::from_utf8(record.to_json()).unwrap(), json);
            assert_eq!(Record::from_json(json.as_bytes()).unwrap(), record);
        }
        for foreign in ["", "null", "[]", r#"{"identity":"bob"}"#, r#"{"leaving":true}"#, r#"{"user":"bob"}"#] {
            assert!(Record::from_json(foreign.as_bytes()).is_err(), "{foreign}");
        }
    }
}
