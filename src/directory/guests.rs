//! The identities of guests: a pass has a number of uses, and each use has a record.
//!
//! A guest first claims a use, by a write that only one guest can win, and the identity is created afterwards, as for
//! users. A crowd with one pass cannot make ACS create more identities than the pass has uses. A use belongs to its guest
//! until the records of the pass are removed, so the same guest always finds the same one.

use acs_identity::types::TokenRequest;
use futures_util::{TryStreamExt as _, future::try_join_all, stream};

use super::{
    Directory, Error, Inner, Issued, MAX_CONFLICTS, Record, RecordName, RecordSelector, State, StoreError,
    guest_records::{pass_record, slot_record},
    record::Holder,
    revoke_and_delete,
};
use crate::guest_pass::{GuestHash, GuestPass, PassId, PassKeys};

/// Largest number of uses whose records are read at once. Most guests find their use with the first reads.
const MAX_READ_AHEAD: usize = 32;

/// Number of uses that are ended at once. With two calls to ACS for each, more would exceed its limits.
const END_AT_ONCE: usize = 4;

impl Directory {
    /// Returns the keys of guest passes.
    #[must_use]
    pub fn pass_keys(&self) -> PassKeys {
        self.0.store.key.pass_keys()
    }

    /// Issues a token for a guest of a pass. Creates the guest's identity at first use. `guest` is the text by which the
    /// guest's browser names itself. Also removes a few records that are over, in the background.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn issue_guest_token(
        &self,
        pass: &GuestPass,
        guest: Option<&str>,
        request: &TokenRequest,
    ) -> Result<Issued, Error> {
        self.sweep_in_background();
        self.check_not_ended(pass.id()).await?;
        let slot = self.find_or_claim(pass, pass.guest(guest)).await?;
        match self.issue(RecordSelector::Name(slot), request).await {
            // The pass was ended after the check.
            Err(Error::Blocked) => Err(Error::PassEnded),
            answer => answer,
        }
    }

    /// Ends a pass, and deletes the identities of its guests with all their tokens. Repeating it is harmless.
    ///
    /// It completes even if the caller disconnects. If the process is killed, a repetition or the sweep completes it.
    ///
    /// # Errors
    /// See [`Error`]. After an error, the pass may have ended, and a repetition deletes the identities.
    pub async fn end_pass(&self, pass: PassId) -> Result<(), Error> {
        let this = self.clone();
        let owner = RecordSelector::Name(pass_record(&pass));
        let work = Box::pin(async move {
            let ended = Record { state: State::Deleted, blocked: true };
            // The pass is first, so that no guest can claim a use that was seen as unclaimed. `false`: it has ended before.
            this.0.store.write(pass_record(&pass), &ended, None).await?;
            let slots = (0..pass.claims().map_or(0, |claims| claims.uses)).map(Ok);
            stream::iter(slots)
                .try_for_each_concurrent(END_AT_ONCE, |slot| {
                    let this = this.clone();
                    async move { this.end_slot(slot_record(&pass, slot)).await }
                })
                .await
        });
        self.0.user_locks.run_detached(owner, work).await
    }

    async fn check_not_ended(&self, pass: PassId) -> Result<(), Error> {
        match self.0.store.read(pass_record(&pass)).await? {
            Some(_) => Err(Error::PassEnded),
            None => Ok(()),
        }
    }

    /// Returns the record of the guest's use. Claims one if the guest has none. All calls of a guest try the uses in one
    /// order, and no use becomes free, so none of them claims a second one.
    async fn find_or_claim(&self, pass: &GuestPass, guest: GuestHash) -> Result<RecordName, Error> {
        let (id, uses) = (pass.id(), u32::from(pass.claims().uses));
        let slots: Vec<u16> = (0..uses).filter_map(|i| ((guest.number() % uses + i) % uses).try_into().ok()).collect();
        let (mut rest, mut width) = (&slots[..], 1);
        while !rest.is_empty() {
            let (next, others) = rest.split_at(rest.len().min(width));
            (rest, width) = (others, MAX_READ_AHEAD.min(2 * width));
            let holders = try_join_all(next.iter().map(|slot| self.holder(id, *slot))).await?;
            for (slot, holder) in next.iter().zip(holders) {
                let holder = match holder {
                    Some(holder) => holder,
                    None => self.claim(id, *slot, guest).await?,
                };
                if holder == guest {
                    return Ok(slot_record(&id, *slot));
                }
            }
        }
        Err(Error::PassUsedUp)
    }

    /// Returns the guest who has a use, `None` if nobody has it.
    async fn holder(&self, pass: PassId, slot: u16) -> Result<Option<GuestHash>, StoreError> {
        let Inner { slots, store, .. } = &*self.0;
        if let Some(known) = slots.get(&pass, slot) {
            return Ok(Some(known));
        }
        match store.read(slot_record(&pass, slot)).await? {
            None => Ok(None),
            Some((_, version)) => match version.holder {
                Some(Holder::Guest(guest)) => {
                    slots.put(pass, slot, guest);
                    Ok(Some(guest))
                }
                _ => Err(StoreError::InvalidRecord),
            },
        }
    }

    /// Claims a use that nobody had. Returns the guest who has it now.
    async fn claim(&self, pass: PassId, slot: u16, guest: GuestHash) -> Result<GuestHash, Error> {
        let holder = Holder::Guest(guest);
        if self.0.store.put(slot_record(&pass, slot), &State::Deleted.into(), Some(&holder), None).await? {
            // If the pass was ended meanwhile, the claim may have come too late to be blocked.
            self.check_not_ended(pass).await?;
        }
        self.holder(pass, slot).await?.ok_or(Error::Contended)
    }

    /// Blocks a use and deletes its identity. The record stays with its guest, so that nobody can claim it.
    async fn end_slot(&self, name: RecordName) -> Result<(), Error> {
        let Inner { store, acs, cache, .. } = &*self.0;
        for _ in 0..MAX_CONFLICTS {
            cache.remove(RecordSelector::Name(name));
            let Some((record, version)) = store.read(name).await? else { return Ok(()) };
            let state = match record {
                Record { state: State::Deleted, blocked: true } => return Ok(()),
                Record { state: State::Deleting(id), blocked: true } => {
                    revoke_and_delete(acs, &id).await?;
                    State::Deleted
                }
                Record { state: State::Active(id) | State::Deleting(id), .. } => State::Deleting(id),
                Record { state: State::Deleted, .. } => State::Deleted,
            };
            // Whether or not this write succeeds, the next iteration acts on the current record.
            store.write(name, &Record { state, blocked: true }, Some(version)).await?;
        }
        Err(Error::Contended)
    }
}
