//! Records of the user directory: one JSON object per user.

use acs_identity::types::IdentityId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{RecordName, StoreError, sealed_user::SealedUser};

/// The state of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// The user has this identity.
    Active(IdentityId),
    /// This identity is being deleted. It may still exist, but must not be used again.
    Deleting(IdentityId),
    /// The identity was deleted. The record stays, since object stores cannot delete an object on a condition.
    Deleted,
}

/// A record, its name and the time it was written.
#[derive(Debug, Clone)]
pub struct RecordEntry {
    /// The name of the record.
    pub name: RecordName,
    /// The record.
    pub record: Record,
    /// When the record was written.
    pub written_at: Timestamp,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireRecord {
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    leaving: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
}

impl Record {
    /// Returns the identity, `None` if it was deleted.
    #[must_use]
    pub const fn identity(&self) -> Option<&IdentityId> {
        match self {
            Self::Active(id) | Self::Deleting(id) => Some(id),
            Self::Deleted => None,
        }
    }

    /// Reads a record and its user. Records of earlier versions have no user.
    pub(super) fn from_json(json: &[u8]) -> Result<(Self, Option<SealedUser>), StoreError> {
        let WireRecord { identity, leaving, user } =
            serde_json::from_slice(json).map_err(|_| StoreError::InvalidRecord)?;
        let user = user.map(|user| SealedUser::from_base64(&user).ok_or(StoreError::InvalidRecord)).transpose()?;
        let record = match (identity.map(|id| id.parse()), leaving) {
            (Some(Ok(id)), false) => Self::Active(id),
            (Some(Ok(id)), true) => Self::Deleting(id),
            (None, false) => Self::Deleted,
            (Some(Err(_)), _) | (None, true) => return Err(StoreError::InvalidRecord),
        };
        Ok((record, user))
    }

    /// Writes a record and its user. The record of a deleted identity keeps nothing of its user.
    pub(super) fn to_json(&self, user: Option<&SealedUser>) -> Vec<u8> {
        let identity = self.identity().map(|id| id.as_str().to_owned());
        let user = user.filter(|_| *self != Self::Deleted).map(SealedUser::to_base64);
        let record = WireRecord { identity, leaving: matches!(self, Self::Deleting(_)), user };
        // Serializing strings and flags cannot fail.
        serde_json::to_vec(&record).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{DirectoryKey, UserId},
        *,
    };

    const ID: &str = "8:acs:2dee53b4-368b-45b4-ab52-8493fb117652_00000005-14a2-493b-8a72-5a3a0d000081";

    #[test]
    fn json_round_trips_and_foreign_json_is_rejected() {
        let id: IdentityId = ID.parse().unwrap();
        for (record, json) in [
            (Record::Active(id.clone()), format!(r#"{{"identity":"{ID}"}}"#)),
            (Record::Deleting(id), format!(r#"{{"identity":"{ID}","leaving":true}}"#)),
            (Record::Deleted, "{}".to_owned()),
        ] {
            assert_eq!(String::from_utf8(record.to_json(None)).unwrap(), json);
            assert_eq!(Record::from_json(json.as_bytes()).unwrap(), (record.clone(), None));
            let user = SealedUser::new(&DirectoryKey::random(), UserId::from([1; 32]));
            let json = record.to_json(user.as_ref());
            let user = user.filter(|_| record != Record::Deleted);
            assert_eq!(Record::from_json(&json).unwrap(), (record, user));
        }
        for foreign in ["", "null", "[]", r#"{"identity":"bob"}"#, r#"{"leaving":true}"#, r#"{"user":"bob"}"#] {
            assert!(Record::from_json(foreign.as_bytes()).is_err(), "{foreign}");
        }
    }
}
