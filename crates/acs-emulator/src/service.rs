//! The data that all requests share: options, keys, the state and its file.

use std::{
    io,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use bytes::Bytes;

use crate::{
    api_error::ApiError,
    options::{LOG, Options},
    state::State,
    state_file::{Snapshot, StateFile},
    tokens::Signer,
};

/// A running emulator.
pub(crate) struct Service {
    pub(crate) options: Options,
    pub(crate) signer: Signer,
    /// The certificate for https in PEM, from when it is served on.
    pub(crate) certificate: OnceLock<Bytes>,
    state: Mutex<State>,
    file: Option<Arc<tokio::sync::Mutex<StateFile>>>,
}

impl Service {
    /// Creates an emulator that keeps its state in memory.
    pub(crate) fn new(options: Options) -> Self {
        Self { options, signer: Signer::shared(), certificate: OnceLock::new(), state: Mutex::default(), file: None }
    }

    /// Creates an emulator with the state of a file. Creates the file if there is none.
    pub(crate) fn open(options: Options, path: &Path) -> io::Result<Self> {
        let (file, snapshot) = StateFile::open(path)?;
        let (signer, state) = match snapshot {
            None => {
                let signer = Signer::generate().ok_or_else(|| io::Error::other("the signing key was not generated"))?;
                file.write(&Snapshot::new(options.resource, signer.clone(), &State::default()))?;
                (signer, State::default())
            }
            Some(Snapshot { resource, .. }) if resource != options.resource => {
                return Err(file.invalid(&format!("belongs to the resource {resource}, not to {}", options.resource)));
            }
            Some(Snapshot { signing_key, access_keys, test_issuer, identities, assignments, .. }) => {
                (signing_key, State { identities, assignments, access_keys, test_issuer, ..State::default() })
            }
        };
        let file = Some(Arc::new(tokio::sync::Mutex::new(file)));
        Ok(Self { options, signer, certificate: OnceLock::new(), state: Mutex::new(state), file })
    }

    /// Locks the state. Do not hold the lock across an await. Use [`Self::change`] to change what is saved.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes a part of the state that is saved. [`Self::save`] must follow before the change is reported.
    pub(crate) fn change<T, E>(&self, change: impl FnOnce(&mut State) -> Result<T, E>) -> Result<T, E> {
        let mut state = self.state();
        let changed = change(&mut state)?;
        state.changes += 1;
        Ok(changed)
    }

    /// Writes all changes so far to the file. One write covers all requests that wait for it.
    pub(crate) async fn save(&self) -> Result<(), ApiError> {
        let Some(file) = &self.file else { return Ok(()) };
        let wanted = self.state().changes;
        let mut file = Arc::clone(file).lock_owned().await;
        if file.saved_changes >= wanted {
            return Ok(());
        }
        let (changes, snapshot) = {
            let state = self.state();
            (state.changes, Snapshot::new(self.options.resource, self.signer.clone(), &state))
        };
        // The thread owns the lock, so that a caller who disconnects does not start a second write beside this one.
        let write = move || file.write(&snapshot).map(|()| file.saved_changes = changes);
        let written = tokio::task::spawn_blocking(write).await.unwrap_or_else(|error| Err(io::Error::other(error)));
        written.map_err(|error| {
            tracing::error!(target: LOG, %error, "the state could not be saved");
            ApiError::Internal
        })
    }
}
