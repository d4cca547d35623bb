//! Records of the user directory: one JSON object for each user, and for each use of a guest pass.

use acs_identity::types::IdentityId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Error, RecordContent, RecordName, StoreError, sealed_user::SealedUser};
use crate::guest_pass::GuestHash;

/// The record of a user or of a guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The state of the user's identity.
    pub state: State,
    /// Whether the user is blocked. It does not depend on the state: a deletion continues for a blocked user.
    pub blocked: bool,
}

/// The state of a user's identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// The user has this identity.
    Active(IdentityId),
    /// This identity is being deleted. It may still exist, but must not be used again.
    Deleting(IdentityId),
    /// There is no identity: it was deleted, or the user was blocked before the first use. The record stays, since object
    /// stores cannot delete an object on a condition.
    Deleted,
}

impl From<State> for Record {
    /// Returns the record of a user who is not blocked.
    fn from(state: State) -> Self {
        Self { state, blocked: false }
    }
}

/// The user or guest of a record, kept in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Holder {
    /// A user.
    User(SealedUser),
    /// A guest, who has this use of a pass for good.
    Guest(GuestHash),
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
    /// The record as the store has it.
    pub content: RecordContent,
}

/// An earlier version does not know `blocked`. It cannot read the record of a blocked user, so it issues no token.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireRecord {
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    leaving: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    blocked: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    guest: Option<String>,
}

impl Record {
    /// Returns the identity, `None` if there is none.
    #[must_use]
    pub const fn identity(&self) -> Option<&IdentityId> {
        match &self.state {
            State::Active(id) | State::Deleting(id) => Some(id),
            State::Deleted => None,
        }
    }

    /// Returns whether the record means the same as a missing one.
    pub(super) const fn is_empty(&self) -> bool {
        matches!(self, Self { state: State::Deleted, blocked: false })
    }

    /// Returns the state, or an error if the user is blocked.
    pub(super) fn unless_blocked(self) -> Result<State, Error> {
        if self.blocked { Err(Error::Blocked) } else { Ok(self.state) }
    }

    /// Reads a record and its holder. Records of earlier versions have none, and the record of a pass has none.
    pub(super) fn from_json(json: &[u8]) -> Result<(Self, Option<Holder>), StoreError> {
        let wire: WireRecord = serde_json::from_slice(json).map_err(|_| StoreError::InvalidRecord)?;
        let state = match (wire.identity.map(|id| id.parse()), wire.leaving) {
            (Some(Ok(id)), false) => State::Active(id),
            (Some(Ok(id)), true) => State::Deleting(id),
            (None, false) => State::Deleted,
            (Some(Err(_)), _) | (None, true) => return Err(StoreError::InvalidRecord),
        };
        let holder = match (wire.user, wire.guest) {
            (None, None) => Some(None),
            (Some(user), None) => SealedUser::from_base64(&user).map(Holder::User).map(Some),
            (None, Some(guest)) => GuestHash::from_hex(&guest).map(Holder::Guest).map(Some),
            (Some(_), Some(_)) => None,
        };
        let holder = holder.ok_or(StoreError::InvalidRecord)?;
        Ok((Self { state, blocked: wire.blocked }, holder))
    }

    /// Writes a record and its holder. The record of a deleted identity keeps nothing of its user.
    pub(super) fn to_json(&self, holder: Option<&Holder>) -> Vec<u8> {
        let identity = self.identity().map(|id| id.as_str().to_owned());
        let leaving = matches!(self.state, State::Deleting(_));
        let (user, guest) = match holder {
            Some(Holder::User(user)) if !self.is_empty() => (Some(user.to_base64()), None),
            Some(Holder::Guest(guest)) => (None, Some(guest.to_hex())),
            _ => (None, None),
        };
        let record = WireRecord { identity, leaving, blocked: self.blocked, user, guest };
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
    const GUEST: &str = "000102030405060708090a0b0c0d0e0f";

    #[test]
    fn json_round_trips_and_foreign_json_is_rejected() {
        let id: IdentityId = ID.parse().unwrap();
        let blocked = |state| Record { state, blocked: true };
        for (record, json) in [
            (State::Active(id.clone()).into(), format!(r#"{{"identity":"{ID}"}}"#)),
            (State::Deleting(id.clone()).into(), format!(r#"{{"identity":"{ID}","leaving":true}}"#)),
            (State::Deleted.into(), "{}".to_owned()),
            (blocked(State::Active(id.clone())), format!(r#"{{"identity":"{ID}","blocked":true}}"#)),
            (blocked(State::Deleting(id)), format!(r#"{{"identity":"{ID}","leaving":true,"blocked":true}}"#)),
            (blocked(State::Deleted), r#"{"blocked":true}"#.to_owned()),
        ] {
            assert_eq!(String::from_utf8(record.to_json(None)).unwrap(), json);
            assert_eq!(Record::from_json(json.as_bytes()).unwrap(), (record.clone(), None));
            let user = SealedUser::new(&DirectoryKey::random(), UserId::from([1; 32])).map(Holder::User);
            let json = record.to_json(user.as_ref());
            let user = user.filter(|_| !record.is_empty());
            assert_eq!(Record::from_json(&json).unwrap(), (record.clone(), user));
            let guest = GuestHash::from_hex(GUEST).map(Holder::Guest);
            let json = record.to_json(guest.as_ref());
            assert_eq!(Record::from_json(&json).unwrap(), (record, guest), "an empty record keeps its guest");
        }
        let user = SealedUser::new(&DirectoryKey::random(), UserId::from([1; 32])).unwrap().to_base64();
        for foreign in [
            "",
            "null",
            "[]",
            r#"{"identity":"bob"}"#,
            r#"{"leaving":true}"#,
            r#"{"leaving":true,"blocked":true}"#,
            r#"{"blocked":"true"}"#,
            r#"{"blocked":null}"#,
            r#"{"user":"bob"}"#,
            r#"{"guest":"bob"}"#,
            &format!(r#"{{"guest":"{GUEST}","user":"{user}"}}"#),
        ] {
            assert!(Record::from_json(foreign.as_bytes()).is_err(), "{foreign}");
        }
    }
}
