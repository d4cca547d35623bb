//! A cache of the guests who have the uses of passes.

use std::{
    num::NonZeroUsize,
    sync::{Mutex, PoisonError},
};

use lru::LruCache;

use crate::guest_pass::{GuestHash, PassId};

/// Maximum number of cached passes. Each takes 17 bytes for each use, so at most 17 KB.
const MAX_CACHED_PASSES: NonZeroUsize = NonZeroUsize::new(500).unwrap();

/// The guests of passes, as far as this process knows. A guest keeps a use until the pass has ended, so no entry is ever
/// wrong, and a full pass is not read again for each of a crowd.
#[derive(Debug)]
pub(super) struct SlotCache(Mutex<LruCache<PassId, Vec<Option<GuestHash>>>>);

impl Default for SlotCache {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(MAX_CACHED_PASSES)))
    }
}

impl SlotCache {
    /// Returns the guest who has a use, if it is known.
    pub(super) fn get(&self, pass: &PassId, slot: u16) -> Option<GuestHash> {
        let mut passes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *passes.get(pass)?.get(usize::from(slot))?
    }

    /// Adds the guest who has a use.
    pub(super) fn put(&self, pass: PassId, slot: u16, guest: GuestHash) {
        let mut passes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (guests, slot) = (passes.get_or_insert_mut(pass, Vec::new), usize::from(slot));
        if guests.len() <= slot {
            guests.resize(slot + 1, None);
        }
        guests[slot] = Some(guest);
    }
}
