//! The access keys of a resource, and which of them is in use.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use crate::{Observer, signature::AccessKey};

/// One access key of an ACS resource, or both.
///
/// With both keys, either can be regenerated without a failed call: when ACS denies one key, the call is repeated with
/// the other, which is preferred from then on. Clones share that state.
#[derive(Debug, Clone)]
pub struct AccessKeys {
    primary: AccessKey,
    secondary: Option<AccessKey>,
    secondary_first: Arc<AtomicBool>,
}

/// One of the two access keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeySlot {
    /// The primary key.
    Primary,
    /// The secondary key.
    Secondary,
}

impl AccessKeys {
    /// Creates a pair of keys; the primary one is preferred.
    #[must_use]
    pub fn new(primary: AccessKey, secondary: Option<AccessKey>) -> Self {
        Self { primary, secondary, secondary_first: Arc::default() }
    }

    /// Returns the key to sign with.
    pub(super) fn preferred(&self) -> (KeySlot, &AccessKey) {
        match &self.secondary {
            Some(key) if self.secondary_first.load(Ordering::Relaxed) => (KeySlot::Secondary, key),
            _ => (KeySlot::Primary, &self.primary),
        }
    }

    /// Prefers the other key, unless another call has done so already, and returns whether there is another key.
    pub(super) fn switch_from(&self, denied: KeySlot, observer: &dyn Observer) -> bool {
        if self.secondary.is_none() {
            return false;
        }
        let was = denied == KeySlot::Secondary;
        if self.secondary_first.compare_exchange(was, !was, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            observer.key_switched(denied);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Debug, Default)]
    struct Switches(Mutex<Vec<KeySlot>>);

    impl Observer for Switches {
        fn key_switched(&self, denied: KeySlot) {
            self.0.lock().unwrap().push(denied);
        }
    }

    fn key(text: &str) -> AccessKey {
        AccessKey::from_base64(text).unwrap()
    }

    #[test]
    fn denied_key_is_replaced_once_for_all_clones() {
        let keys = AccessKeys::new(key("cHJpbWFyeQ=="), Some(key("c2Vjb25kYXJ5")));
        let (clone, switches) = (keys.clone(), Switches::default());
        assert_eq!(keys.preferred().0, KeySlot::Primary);
        assert!(keys.switch_from(KeySlot::Primary, &switches));
        assert_eq!(clone.preferred().0, KeySlot::Secondary);
        // A second call was sent with the primary key before the first was denied.
        assert!(clone.switch_from(KeySlot::Primary, &switches));
        assert_eq!(keys.preferred().0, KeySlot::Secondary);
        assert!(keys.switch_from(KeySlot::Secondary, &switches));
        assert_eq!(keys.preferred().0, KeySlot::Primary);
        assert_eq!(*switches.0.lock().unwrap(), [KeySlot::Primary, KeySlot::Secondary]);
    }

    #[test]
    fn single_key_has_no_replacement() {
        let (keys, switches) = (AccessKeys::new(key("cHJpbWFyeQ=="), None), Switches::default());
        assert!(!keys.switch_from(KeySlot::Primary, &switches));
        assert_eq!(keys.preferred().0, KeySlot::Primary);
        assert!(switches.0.lock().unwrap().is_empty());
    }
}
