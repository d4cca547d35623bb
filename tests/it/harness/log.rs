//! Log events of this process. All tests share one subscriber: `tracing` caches for each event whether it is enabled, and
//! subscribers of single threads can leave a wrong result in that cache.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    fmt, io,
    sync::{Arc, Mutex, Once},
};

use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    filter::LevelFilter,
    layer::{Context, Layer, SubscriberExt as _},
};

/// The last logged action for each identity, by its short hash.
static ACTIONS: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());

thread_local! {
    static OF_THIS_THREAD: RefCell<Option<Log>> = const { RefCell::new(None) };
}

/// Starts to collect events. Has no effect after the first call.
pub(crate) fn subscribe() {
    static SUBSCRIBER: Once = Once::new();
    SUBSCRIBER.call_once(|| {
        let lines = tracing_subscriber::fmt::layer()
            .with_ansi(false)
            .with_writer(|| OF_THIS_THREAD.with_borrow(Clone::clone).unwrap_or_default());
        let subscriber = tracing_subscriber::registry()
            .with(lines.with_filter(LevelFilter::WARN))
            .with(Actions.with_filter(LevelFilter::INFO));
        tracing::subscriber::set_global_default(subscriber).unwrap();
    });
}

/// Returns the last action that the service logged for an identity.
pub(crate) fn last_action(short_hash: &str) -> Option<String> {
    ACTIONS.lock().unwrap().get(short_hash).cloned()
}

/// The warnings of the test's thread, on which its runtime also runs the emulator.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

/// Ends the capture when dropped.
pub(crate) struct Captured(());

impl Drop for Captured {
    fn drop(&mut self) {
        OF_THIS_THREAD.set(None);
    }
}

impl Log {
    /// Starts to capture.
    pub(crate) fn capture() -> (Self, Captured) {
        subscribe();
        let log = Self::default();
        OF_THIS_THREAD.set(Some(log.clone()));
        (log, Captured(()))
    }

    pub(crate) fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Collects the last action for each identity.
struct Actions;

impl<S: Subscriber> Layer<S> for Actions {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        if let (Some(identity), Some(action)) = (fields.0.remove("identity"), fields.0.remove("action")) {
            ACTIONS.lock().unwrap().insert(identity, action);
        }
    }
}

#[derive(Default)]
struct Fields(BTreeMap<&'static str, String>);

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}
