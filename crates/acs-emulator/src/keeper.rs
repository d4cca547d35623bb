//! Keeps the state in a file: whoever changed something notes it, and a thread writes all that was noted since its last
//! write at once, beside the calls and without their locks.

mod file;

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};

use tokio::sync::watch;

pub(super) use file::{File, Kept};

/// Where changes are noted. Clones share it; the [`Default`] keeps nothing.
#[derive(Clone, Default)]
pub(super) struct StateFile(Option<Arc<Notes>>);

struct Notes {
    /// How many changes there were.
    changes: Arc<AtomicU64>,
    /// Wakes the writer. It ends with the last note-taker.
    wake: SyncSender<()>,
    written: watch::Receiver<Written>,
}

/// How the last write went.
#[derive(Debug, Clone, Copy)]
struct Written {
    /// How many changes were in it.
    changes: u64,
    well: bool,
}

/// The change may not be in the file.
#[derive(Debug)]
pub(super) struct NotKept;

/// What writes the file.
pub(super) struct Writer {
    file: File,
    changes: Arc<AtomicU64>,
    woken: Receiver<()>,
    written: watch::Sender<Written>,
}

impl StateFile {
    /// A keeper for a file, and its writer, to be started.
    pub(super) fn new(file: File) -> (Self, Writer) {
        let changes = Arc::<AtomicU64>::default();
        // One waking is enough, however much is noted until the writer wakes.
        let (wake, woken) = sync_channel(1);
        let (report, written) = watch::channel(Written { changes: 0, well: true });
        let notes = Notes { changes: Arc::clone(&changes), wake, written };
        (Self(Some(Arc::new(notes))), Writer { file, changes, woken, written: report })
    }

    /// Notes that something has changed. It is written soon, whether anybody waits for it or not.
    pub(super) fn note(&self) {
        if let Some(notes) = &self.0 {
            notes.changes.fetch_add(1, Ordering::SeqCst);
            // Full where the writer is to wake already, and gone where it could not be started.
            let _ = notes.wake.try_send(());
        }
    }

    /// Waits until all that was noted is in the file.
    pub(super) async fn kept(&self) -> Result<(), NotKept> {
        let Some(notes) = &self.0 else { return Ok(()) };
        let changes = notes.changes.load(Ordering::SeqCst);
        let mut written = notes.written.clone();
        match written.wait_for(|written| written.changes >= changes).await {
            Ok(written) if written.well => Ok(()),
            _ => Err(NotKept),
        }
    }
}

impl Writer {
    /// Writes until the last keeper is gone, or there is nothing any more to take a picture of.
    pub(super) fn start(self, picture: impl Fn() -> Option<Kept> + Send + 'static) -> io::Result<()> {
        thread::Builder::new().name("emulator-state".to_owned()).spawn(move || self.run(picture)).map(drop)
    }

    fn run(self, picture: impl Fn() -> Option<Kept>) {
        while self.woken.recv().is_ok() {
            // Counted before the picture is taken, so that it has all of them.
            let changes = self.changes.load(Ordering::SeqCst);
            let Some(kept) = picture() else { return };
            let written = self.file.write(&kept);
            if let Err(error) = &written {
                let path = self.file.path().display();
                tracing::error!(target: super::LOG, %path, %error, "the state could not be written");
            }
            self.written.send_replace(Written { changes, well: written.is_ok() });
        }
    }
}
