//! The identities that the service logs as created or deleted on a user's behalf.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Mutex, Once},
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

/// Starts to collect the lines of this process. The tests of other identities do not interfere.
pub(crate) fn start() {
    static START: Once = Once::new();
    START.call_once(|| {
        let subscriber = tracing_subscriber::registry().with(Collector.with_filter(LevelFilter::INFO));
        tracing::subscriber::set_global_default(subscriber).unwrap();
    });
}

/// Returns the last logged action of an identity.
pub(crate) fn last_action(short_hash: &str) -> Option<String> {
    ACTIONS.lock().unwrap().get(short_hash).cloned()
}

struct Collector;

impl<S: Subscriber> Layer<S> for Collector {
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
