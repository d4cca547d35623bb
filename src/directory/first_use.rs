//! The first use: finds the identity in the record of a user or guest, or creates it.

use acs_identity::{
    CreatedIdentity,
    types::{IdentityId, TokenRequest},
};

use super::{Directory, Error, MAX_CONFLICTS, RecordSelector, Resolved, State, revoke_and_delete};
use crate::request_log;

impl Directory {
    /// As [`get_or_create`](Self::get_or_create), without the cache. Deletes a created identity that has no record.
    pub(super) async fn get_or_create_recorded(
        &self,
        owner: RecordSelector,
        missing: Option<&IdentityId>,
        request: &TokenRequest,
    ) -> Result<Resolved, Error> {
        let mut created = None;
        let resolved = self.resolve(owner, missing, request, &mut created).await;
        if let Some(CreatedIdentity { id, .. }) = created
            && let Err(error) = revoke_and_delete(&self.0.acs, &id).await
        {
            let cause = acs_identity::causes(&error);
            tracing::warn!(cause, "could not delete an identity that has no record");
        }
        resolved
    }

    /// Finds or creates the identity of a record. Leaves an identity without a record in `created`.
    async fn resolve(
        &self,
        owner: RecordSelector,
        missing: Option<&IdentityId>,
        request: &TokenRequest,
        created: &mut Option<CreatedIdentity>,
    ) -> Result<Resolved, Error> {
        let store = &self.0.store;
        let mut is_writable = false;
        for _ in 0..MAX_CONFLICTS {
            let found = store.find(owner).await?;
            let state = match &found {
                Some((record, _)) => record.clone().unless_blocked()?,
                None => State::Deleted,
            };
            let previous = match (state, found) {
                (State::Active(id), _) if Some(&id) != missing => {
                    let token = created.take_if(|new| new.id == id).map(|new| new.token);
                    return Ok(Resolved { id, token });
                }
                (State::Deleting(_), _) => {
                    self.delete_recorded(owner).await?;
                    continue;
                }
                // A lease or an immutability policy on the record shows before ACS creates an identity.
                (State::Active(_) | State::Deleted, Some((record, version))) if !is_writable => {
                    store.replace(owner, &record, Some(version)).await?;
                    is_writable = true;
                    continue;
                }
                (State::Active(_) | State::Deleted, found) => found.map(|(_, version)| version),
            };
            let is_first = previous.as_ref().is_none_or(|version| version.name == owner.name(&store.key));
            let id = self.create(request, created).await?;
            // A process that is killed here leaves an identity without a record.
            if store.replace(owner, &State::Active(id.clone()).into(), previous).await?
                && !(is_first && self.withdraw_second(owner, &id).await?)
                && let Some(CreatedIdentity { id, token }) = created.take()
            {
                return Ok(Resolved { id, token: Some(token) });
            }
        }
        Err(Error::Contended)
    }

    /// Returns the created identity, or creates it.
    async fn create(
        &self,
        request: &TokenRequest,
        created: &mut Option<CreatedIdentity>,
    ) -> Result<IdentityId, acs_identity::Error> {
        if let Some(CreatedIdentity { id, .. }) = created {
            return Ok(id.clone());
        }
        let new = self.0.acs.create_identity_with_token(request).await?;
        request_log::identity_created(&new.id);
        Ok(created.insert(new).id.clone())
    }

    /// Empties the new record of an identity if another process, with the keys in the other order, has created a record
    /// under the second key at the same time. At least one of the two processes finds the record of the other.
    async fn withdraw_second(&self, owner: RecordSelector, id: &IdentityId) -> Result<bool, Error> {
        let store = &self.0.store;
        if !store.has_second_record(owner).await? {
            return Ok(false);
        }
        if let Some((record, version)) = store.find(owner).await?
            && record.identity() == Some(id)
        {
            store.replace(owner, &State::Deleted.into(), Some(version)).await?;
        }
        Ok(true)
    }
}
