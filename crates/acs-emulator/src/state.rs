//! The state of an emulator: identities, keys, settings, pending faults and counters.

use std::{collections::BTreeMap, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize, Serializer};
use uuid::Uuid;

use crate::{
    access_keys::AccessKeys,
    api_error::{ApiError, Gone},
    assignments::Assignments,
    faults::{Fault, Faults},
    grants::Codes,
    operation::Operation,
    test_issuer::TestIssuer,
};

/// The whole state; the default is the state of a new emulator.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) identities: Identities,
    pub(crate) assignments: Assignments,
    pub(crate) access_keys: Arc<AccessKeys>,
    pub(crate) test_issuer: TestIssuer,
    /// Number of changes of the fields above, which are saved in the state file. The fields below are not saved.
    pub(crate) changes: u64,
    pub(crate) calls: BTreeMap<&'static str, Calls>,
    pub(crate) faults: Faults,
    /// The codes of users who have signed in.
    pub(crate) codes: Codes,
    pub(crate) settings: EmulatorSettings,
    /// Number of tokens issued to the managed identity.
    pub(crate) managed_identity_tokens: u64,
}

/// All identities by id, deleted ones included. They are serialized as a list, oldest first.
#[derive(Default, Clone, Deserialize)]
#[serde(from = "Vec<Identity>")]
pub(crate) struct Identities(BTreeMap<String, Identity>);

/// An identity. Unknown fields are ignored: state files of earlier versions may have `customId`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Identity {
    id: String,
    created_at: Timestamp,
    deleted_at: Option<Timestamp>,
    tokens_issued: u64,
    last_token_issued_at: Option<Timestamp>,
    tokens_revoked_at: Option<Timestamp>,
}

/// The calls of an operation.
#[derive(Default, Clone, Copy, Serialize)]
pub(crate) struct Calls {
    received: u64,
    /// Number of received requests with a fault.
    faulted: u64,
}

/// Settings that the control API changes.
#[derive(Default, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct EmulatorSettings {
    /// The status and code for a deleted or unknown identity of this resource.
    gone: Gone,
    /// The lifetime of every identity's token, regardless of the request.
    token_lifetime_seconds: Option<u32>,
    /// The lifetime of the managed identity's tokens; negative for expired ones.
    pub(crate) managed_identity_token_lifetime_seconds: Option<i32>,
    /// Whether tokens for Teams Phone are encrypted.
    pub(crate) encrypted_tokens: bool,
    /// Whether ACS lacks its service principal in the tenants of Teams users.
    pub(crate) service_principal_missing: bool,
}

/// The result of a token check.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum TokenStatus {
    Valid,
    /// Not a token of this emulator.
    Unknown,
    Expired,
    Revoked,
    /// The identity was deleted.
    Deleted,
}

impl State {
    /// Returns to the state of a new emulator, except for the keys that sign tokens.
    pub(crate) fn reset(&mut self) {
        let test_issuer = std::mem::take(&mut self.test_issuer);
        *self = Self { test_issuer, changes: self.changes, ..Self::default() };
    }

    /// Creates an identity and returns its id.
    pub(crate) fn create(&mut self, resource: Uuid, now: Timestamp) -> String {
        let id = format!("8:acs:{resource}_{}", Uuid::new_v4());
        let identity = Identity {
            id: id.clone(),
            created_at: now,
            deleted_at: None,
            tokens_issued: 0,
            last_token_issued_at: None,
            tokens_revoked_at: None,
        };
        self.identities.0.insert(id.clone(), identity);
        id
    }

    /// Returns an identity that is not deleted.
    pub(crate) fn identity(&mut self, resource: Uuid, id: &str) -> Result<&mut Identity, ApiError> {
        let is_own = id.starts_with(&format!("8:acs:{resource}_"));
        let error = if is_own { ApiError::NoSuchIdentity(self.settings.gone) } else { ApiError::IdentityNotOwned };
        self.identities.0.get_mut(id).filter(|identity| identity.deleted_at.is_none()).ok_or(error)
    }

    /// Counts a request and returns the fault for it, if one is pending.
    pub(crate) fn next_fault(&mut self, operation: Option<Operation>) -> Option<Fault> {
        let fault = self.faults.next(operation);
        let calls = self.calls.entry(operation.map_or("other", Operation::name)).or_default();
        calls.received += 1;
        calls.faulted += u64::from(fault.is_some());
        fault
    }

    /// Returns the lifetime of an identity's token: that of the settings, or the requested one.
    pub(crate) fn token_lifetime(&self, requested: SignedDuration) -> SignedDuration {
        self.settings.token_lifetime_seconds.map_or(requested, |seconds| SignedDuration::from_secs(seconds.into()))
    }

    /// Returns the status of an identity's token. `issued_at` and `expires_at` are Unix times in seconds.
    pub(crate) fn token_status(&self, id: &str, issued_at: i64, expires_at: i64, now: Timestamp) -> TokenStatus {
        match self.identities.0.get(id) {
            None => TokenStatus::Unknown,
            Some(identity) if identity.deleted_at.is_some() => TokenStatus::Deleted,
            Some(identity) if identity.tokens_revoked_at.is_some_and(|at| issued_at <= at.as_second()) => {
                TokenStatus::Revoked
            }
            Some(_) if expires_at <= now.as_second() => TokenStatus::Expired,
            Some(_) => TokenStatus::Valid,
        }
    }
}

impl Identity {
    /// Records a new token and returns its time of issue.
    ///
    /// Tokens have whole seconds, and a revocation covers all tokens up to its own second. A token issued later in that
    /// second is therefore dated to the next one.
    pub(crate) fn issue(&mut self, now: Timestamp) -> Timestamp {
        let at = match self.tokens_revoked_at {
            Some(revoked) if revoked.as_second() >= now.as_second() => revoked + SignedDuration::from_secs(1),
            _ => now,
        };
        self.tokens_issued += 1;
        self.last_token_issued_at = Some(at);
        at
    }

    /// Revokes all tokens issued so far, also one that is dated to the next second.
    pub(crate) fn revoke(&mut self, now: Timestamp) {
        self.tokens_revoked_at = self.last_token_issued_at.max(Some(now));
    }

    /// Deletes the identity and all its tokens.
    pub(crate) fn delete(&mut self, now: Timestamp) {
        self.deleted_at = Some(now);
    }
}

impl From<Vec<Identity>> for Identities {
    fn from(identities: Vec<Identity>) -> Self {
        Self(identities.into_iter().map(|identity| (identity.id.clone(), identity)).collect())
    }
}

impl Serialize for Identities {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut identities: Vec<_> = self.0.values().collect();
        identities.sort_by_key(|identity| identity.created_at);
        serializer.collect_seq(identities)
    }
}
