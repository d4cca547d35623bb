//! The sweep: deletes the identities of guests whose time is over, and their records.

use acs_identity::IdentityClient;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;
use tokio::sync::Mutex;
use tokio_util::task::TaskTracker;

use super::{
    Directory, DirectoryAdmin, Error, Inner, MAX_CONFLICTS, Record, RecordName, State, StoreError,
    guest_records::EndHour, revoke_and_delete, store::RecordStore,
};

/// Number of records that one call of a guest sweeps.
const SWEPT_BY_A_CALL: usize = 5;

/// The outcome of sweeping a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SweepOutcome {
    /// The guest's identity was deleted, and the record was removed.
    Deleted,
    /// The record had no identity and was removed.
    Removed,
    /// Another sweep has removed the record.
    Gone,
}

/// The sweep of a process: one at a time.
#[derive(Debug)]
pub(super) struct Sweep {
    /// The hour in which nothing was left to sweep. Further records are over when the next hour begins.
    done: Mutex<Option<EndHour>>,
    tasks: TaskTracker,
}

impl Sweep {
    /// Creates the sweep. `tasks` tracks its work.
    pub(super) fn new(tasks: TaskTracker) -> Self {
        Self { done: Mutex::default(), tasks }
    }
}

impl Directory {
    /// Sweeps a few records, in a task of its own.
    pub(super) fn sweep_in_background(&self) {
        let this = self.clone();
        self.0.sweep.tasks.spawn(async move {
            let Inner { store, acs, sweep, .. } = &*this.0;
            let Ok(mut done) = sweep.done.try_lock() else { return };
            let hour = EndHour::at(Timestamp::now());
            if *done == Some(hour) {
                return;
            }
            match sweep_some(store, acs, hour).await {
                Ok(swept) if swept < SWEPT_BY_A_CALL => *done = Some(hour),
                Ok(_) => {}
                Err(error) => {
                    let cause = acs_identity::causes(&error);
                    tracing::warn!(cause, "could not delete the identities of guests whose time is over");
                }
            }
        });
    }
}

impl DirectoryAdmin {
    /// Returns the names of the guests' records that are over at a time, the earliest hour first.
    pub fn over(&self, at: Timestamp) -> impl Stream<Item = Result<RecordName, StoreError>> {
        over(&self.store, EndHour::at(at))
    }

    /// Deletes the identity in a guest's record that is over, then removes the record. Calls ACS as rarely as
    /// [`repair`](Self::repair).
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn sweep(&self, acs: &IdentityClient, name: RecordName) -> Result<SweepOutcome, Error> {
        sweep(&self.store, acs, name, Some(self)).await
    }
}

/// Sweeps a few records, one after the other. Returns their number.
async fn sweep_some(store: &RecordStore, acs: &IdentityClient, hour: EndHour) -> Result<usize, Error> {
    let names: Vec<RecordName> = over(store, hour).take(SWEPT_BY_A_CALL).try_collect().await?;
    for name in &names {
        sweep(store, acs, *name, None).await?;
    }
    Ok(names.len())
}

/// Returns the names of the guests' records that are over in an hour, the earliest hour first.
fn over(store: &RecordStore, now: EndHour) -> impl Stream<Item = Result<RecordName, StoreError>> {
    let hours = stream::once(store.over_hours(now)).map_ok(|hours| stream::iter(hours).map(Ok::<_, StoreError>));
    hours.try_flatten().map_ok(|hour| store.names_of_hour(hour)).try_flatten()
}

/// Marks the record, deletes the identity, then removes the record, so that any later sweep can continue. No call uses a
/// record that is over, so it does not matter that object stores cannot remove an object on a condition.
async fn sweep(
    store: &RecordStore,
    acs: &IdentityClient,
    name: RecordName,
    rate: Option<&DirectoryAdmin>,
) -> Result<SweepOutcome, Error> {
    for _ in 0..MAX_CONFLICTS {
        let Some((record, version)) = store.read(name).await? else { return Ok(SweepOutcome::Gone) };
        let outcome = match record.state {
            State::Active(id) => {
                let marked = Record { state: State::Deleting(id), blocked: record.blocked };
                // Whether or not this write succeeds, the next iteration acts on the current record.
                store.write(name, &marked, Some(version)).await?;
                continue;
            }
            State::Deleting(id) => {
                if let Some(admin) = rate {
                    admin.wait().await;
                }
                revoke_and_delete(acs, &id).await?;
                SweepOutcome::Deleted
            }
            State::Deleted => SweepOutcome::Removed,
        };
        if store.remove(&version).await? {
            return Ok(outcome);
        }
    }
    Err(Error::Contended)
}
