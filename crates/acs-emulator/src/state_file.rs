//! The state file: a snapshot that is read once, locked while in use, and replaced as a whole.

use std::{
    fmt,
    fs::{self, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use fs4::{FileExt, TryLockError};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    access_keys::AccessKeys,
    assignments::Assignments,
    state::{Identities, State},
    test_issuer::TestIssuer,
    tokens::Signer,
};

/// The mark of a state file.
const FORMAT: &str = "acs-tokens emulator";

/// The version of the format.
const VERSION: u32 = 1;

/// The content of the file.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Snapshot {
    format: String,
    version: u32,
    pub(crate) resource: Uuid,
    pub(crate) signing_key: Signer,
    pub(crate) access_keys: Arc<AccessKeys>,
    pub(crate) test_issuer: TestIssuer,
    pub(crate) identities: Identities,
    /// Left out if there are none, so that earlier versions read the file.
    #[serde(default, skip_serializing_if = "Assignments::is_empty")]
    pub(crate) assignments: Assignments,
}

#[derive(Deserialize)]
struct Header {
    format: String,
    version: u32,
}

impl Snapshot {
    pub(crate) fn new(resource: Uuid, signing_key: Signer, state: &State) -> Self {
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            resource,
            signing_key,
            access_keys: Arc::clone(&state.access_keys),
            test_issuer: state.test_issuer.clone(),
            identities: state.identities.clone(),
            assignments: state.assignments.clone(),
        }
    }

    /// Parses a file. Errors do not quote it, since it contains keys.
    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let invalid =
            |error: serde_json::Error| format!("is invalid at line {}, column {}", error.line(), error.column());
        match serde_json::from_slice(bytes) {
            Ok(Header { format, version: VERSION }) if format == FORMAT => {
                serde_json::from_slice(bytes).map_err(invalid)
            }
            Ok(Header { format, version }) if format == FORMAT => {
                Err(format!("has the format version {version}; this program reads version {VERSION}"))
            }
            Err(error) if !error.is_data() => Err(invalid(error)),
            _ => Err("is not a state file of an emulator".to_owned()),
        }
    }
}

/// A state file. No other emulator can open it while this value exists.
pub(crate) struct StateFile {
    path: PathBuf,
    /// A file of its own, since replacing the state file would drop a lock on it.
    _lock: fs::File,
    /// The number of changes that the file contains.
    pub(crate) saved_changes: u64,
}

impl StateFile {
    /// Opens and locks a file. The snapshot is `None` if the file is new or empty.
    pub(crate) fn open(given: &Path) -> io::Result<(Self, Option<Snapshot>)> {
        // Created first, so that all names of the file lead to one path and one lock.
        let path = private().create(true).append(true).open(given).and_then(|_| given.canonicalize());
        let path = path.map_err(|error| with_path(given, error.kind(), &error))?;
        let failed = |error: io::Error| with_path(&path, error.kind(), &error);
        let lock = lock(&with_suffix(&path, ".lock")).map_err(failed)?;
        let bytes = fs::read(&path).map_err(failed)?;
        let file = Self { path, _lock: lock, saved_changes: 0 };
        let snapshot = (!bytes.is_empty()).then(|| Snapshot::parse(&bytes));
        let snapshot = snapshot.transpose().map_err(|why| file.invalid(&why))?;
        Ok((file, snapshot))
    }

    /// Returns the error for a file that this emulator cannot use.
    pub(crate) fn invalid(&self, why: &str) -> io::Error {
        let why = format!(
            "{why}. The file was not changed; choose another file, or delete this one to start with an empty state"
        );
        with_path(&self.path, io::ErrorKind::InvalidData, &why)
    }

    /// Replaces the file. After a crash, either the old or the new file is there.
    pub(crate) fn write(&self, snapshot: &Snapshot) -> io::Result<()> {
        let new = with_suffix(&self.path, ".new");
        // Removes the rest of an interrupted write. `create_new` does not follow a link that someone else put there.
        fs::remove_file(&new)
            .or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })?;
        let written = private().create_new(true).open(&new).and_then(|mut file| {
            file.write_all(&serde_json::to_vec(snapshot)?)?;
            file.sync_data()
        });
        written.and_then(|()| fs::rename(&new, &self.path)).map_err(|error| with_path(&self.path, error.kind(), &error))
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Returns options for a file that only its owner can read, since it contains keys.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Locks a file until it is closed, which also happens when the process ends.
fn lock(path: &Path) -> io::Result<fs::File> {
    let file = private().create(true).truncate(false).open(path)?;
    match FileExt::try_lock(&file) {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(io::Error::new(io::ErrorKind::ResourceBusy, "another emulator uses this state file"))
        }
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn with_path(path: &Path, kind: io::ErrorKind, what: &dyn fmt::Display) -> io::Error {
    io::Error::new(kind, format!("{}: {what}", path.display()))
}
