//! What the emulator remembers while it runs: identities, settings, and how often each operation was called.

use std::{collections::BTreeMap, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{api_error::ApiError, faults::Faults, keys::Keys, route::Operation};

/// All of it; the default is the state after a start.
#[derive(Debug, Default)]
pub(super) struct State {
    identities: BTreeMap<String, Identity>,
    pub(super) calls: BTreeMap<String, Calls>,
    pub(super) faults: Faults,
    pub(super) settings: Settings,
    pub(super) keys: Arc<Keys>,
    /// How many tokens the managed identity was given.
    pub(super) managed_identity_tokens: u64,
}

/// An identity that was made here. It is never forgotten, so that "deleted" and "never was" stay apart. Unknown fields
/// are ignored: state files of earlier versions may have `customId`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Identity {
    pub(super) id: String,
    created_at: Timestamp,
    deleted_at: Option<Timestamp>,
    tokens_issued: u64,
    last_token_issued_at: Option<Timestamp>,
    tokens_revoked_at: Option<Timestamp>,
}

/// How often an operation was asked for.
#[derive(Debug, Default, Clone, Copy, Serialize)]
pub(super) struct Calls {
    /// All requests, whatever became of them.
    pub(super) received: u64,
    /// Those a fault fell upon.
    pub(super) faulted: u64,
}

/// What may be changed while it runs.
#[derive(Debug, Default, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct Settings {
    /// What is answered for an identity of this resource that is not there (any more).
    pub(super) gone: Gone,
    /// Makes every identity's token live so long, whatever was asked for: for tests that wait for an expiry.
    pub(super) token_lifetime_seconds: Option<u32>,
    /// Makes the managed identity's tokens live so long; negative for tokens that are already over.
    pub(super) managed_identity_token_lifetime_seconds: Option<i32>,
}

/// The answer for an identity that is gone. What the service says is not recorded anywhere.
#[derive(Debug, Default, Clone, Copy, Serialize, Deserialize)]
pub(super) enum Gone {
    /// 401, as for another resource's identity.
    #[default]
    IdentityNotOwned,
    /// 404.
    IdentityNotFound,
}

/// What has become of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum TokenStatus {
    Valid,
    /// Not a token, or not one of this emulator's.
    Unknown,
    Expired,
    Revoked,
    /// Its identity was deleted.
    Deleted,
}

impl State {
    /// The state with what a file kept of it.
    pub(super) fn with(identities: Vec<Identity>, keys: Keys) -> Self {
        let identities = identities.into_iter().map(|identity| (identity.id.clone(), identity)).collect();
        Self { identities, keys: Arc::new(keys), ..Self::default() }
    }

    /// All identities, in the order in which they were made.
    pub(super) fn identities(&self) -> Vec<&Identity> {
        let mut all: Vec<_> = self.identities.values().collect();
        all.sort_by_key(|identity| identity.created_at);
        all
    }

    /// Makes a new identity and returns its id.
    pub(super) fn make(&mut self, resource: Uuid, now: Timestamp) -> String {
        let id = format!("8:acs:{resource}_{}", Uuid::new_v4());
        let identity = Identity {
            id: id.clone(),
            created_at: now,
            deleted_at: None,
            tokens_issued: 0,
            last_token_issued_at: None,
            tokens_revoked_at: None,
        };
        self.identities.insert(id.clone(), identity);
        id
    }

    /// The identity, if it lives.
    pub(super) fn living(&mut self, resource: Uuid, id: &str) -> Result<&mut Identity, ApiError> {
        let gone = match self.settings.gone {
            Gone::IdentityNotFound if id.starts_with(&format!("8:acs:{resource}_")) => ApiError::IdentityNotFound,
            _ => ApiError::IdentityNotOwned,
        };
        self.identities.get_mut(id).filter(|identity| identity.deleted_at.is_none()).ok_or(gone)
    }

    /// Counts a call.
    pub(super) fn count(&mut self, operation: Option<Operation>, faulted: bool) {
        let name = operation.map_or("other", Operation::name);
        let calls = self.calls.entry(name.to_owned()).or_default();
        calls.received += 1;
        calls.faulted += u64::from(faulted);
    }

    /// What has become of a token of this identity, issued and ending at these seconds.
    pub(super) fn token_status(&self, id: &str, issued_at: i64, expires_at: i64, now: Timestamp) -> TokenStatus {
        match self.identities.get(id) {
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
    /// Notes a new token and says when it counts as issued.
    ///
    /// Tokens carry whole seconds, and revoking ends all that were issued up to its own second; so one issued later in
    /// that same second is dated to the next.
    pub(super) fn issue(&mut self, now: Timestamp) -> Timestamp {
        let at = match self.tokens_revoked_at {
            Some(revoked) if revoked.as_second() == now.as_second() => now + SignedDuration::from_secs(1),
            _ => now,
        };
        self.tokens_issued += 1;
        self.last_token_issued_at = Some(at);
        at
    }

    /// Ends all tokens issued so far.
    pub(super) fn revoke(&mut self, now: Timestamp) {
        self.tokens_revoked_at = Some(now);
    }

    /// Ends the identity and all its tokens.
    pub(super) fn delete(&mut self, now: Timestamp) {
        self.deleted_at = Some(now);
    }
}
