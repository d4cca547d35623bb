//! The two access keys of a resource, and which of them is good.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use crate::signature::AccessKey;

/// One key of an ACS resource, or both. With both, either can be regenerated without a call being lost: the first call
/// that is denied is tried again with the other key, which from then on comes first. Clones share that knowledge.
#[derive(Debug, Clone)]
pub struct Keys {
    primary: AccessKey,
    secondary: Option<AccessKey>,
    secondary_first: Arc<AtomicBool>,
}

/// One of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    Primary,
    Secondary,
}

impl Keys {
    /// These keys, the primary one first.
    #[must_use]
    pub fn new(primary: AccessKey, secondary: Option<AccessKey>) -> Self {
        Self { primary, secondary, secondary_first: Arc::default() }
    }

    pub(super) fn preferred(&self) -> (Which, &AccessKey) {
        match &self.secondary {
            Some(key) if self.secondary_first.load(Ordering::Relaxed) => (Which::Secondary, key),
            _ => (Which::Primary, &self.primary),
        }
    }

    /// Puts the other key first, unless another call has done so already; tells whether there is another.
    pub(super) fn denied(&self, which: Which) -> bool {
        if self.secondary.is_none() {
            return false;
        }
        let was = which == Which::Secondary;
        if self.secondary_first.compare_exchange(was, !was, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            tracing::warn!(denied = ?which, "ACS denied an access key; the other one comes first from now on");
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> AccessKey {
        AccessKey::from_base64(text).unwrap()
    }

    #[test]
    fn prefers_the_key_that_was_not_denied() {
        let keys = Keys::new(key("cHJpbWFyeQ=="), Some(key("c2Vjb25kYXJ5")));
        let clone = keys.clone();
        assert_eq!(keys.preferred().0, Which::Primary);
        assert!(keys.denied(Which::Primary));
        assert_eq!(clone.preferred().0, Which::Secondary);
        // A second call was on its way with the primary key when the first was denied.
        assert!(clone.denied(Which::Primary));
        assert_eq!(keys.preferred().0, Which::Secondary);
        assert!(keys.denied(Which::Secondary));
        assert_eq!(keys.preferred().0, Which::Primary);
    }

    #[test]
    fn has_nothing_to_fall_back_to_with_one_key() {
        let keys = Keys::new(key("cHJpbWFyeQ=="), None);
        assert!(!keys.denied(Which::Primary));
        assert_eq!(keys.preferred().0, Which::Primary);
    }
}
