//! The file with the state: read once, locked as long as it is in use, and replaced as a whole.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use fs4::{FileExt, TryLockError};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{keys::Keys, oidc, pkcs8::Pkcs8, state::Identity};

/// What tells the file from any other.
const FORMAT: &str = "acs-tokens emulator";

/// Another form of the file gets another number.
const VERSION: u32 = 1;

/// What a restart keeps.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Kept {
    format: String,
    version: u32,
    pub(crate) resource: Uuid,
    pub(crate) signing_key: Pkcs8,
    pub(crate) access_keys: Keys,
    pub(crate) test_issuer: oidc::Kept,
    pub(crate) identities: Vec<Identity>,
}

/// What is read first.
#[derive(Deserialize)]
struct Head {
    format: String,
    version: u32,
}

impl Kept {
    pub(crate) fn new(
        resource: Uuid,
        signing_key: Pkcs8,
        access_keys: Keys,
        test_issuer: oidc::Kept,
        identities: Vec<Identity>,
    ) -> Self {
        let format = FORMAT.to_owned();
        Self { format, version: VERSION, resource, signing_key, access_keys, test_issuer, identities }
    }
}

/// The file. Nobody else has it as long as this lives.
pub(crate) struct File {
    path: PathBuf,
    /// Beside it, since replacing a file would leave its lock with the old one.
    _lock: fs::File,
}

impl File {
    /// Takes the file and reads it, or makes it with what a new emulator has to keep.
    pub(crate) fn open(path: &Path, new: impl FnOnce() -> io::Result<Kept>) -> io::Result<(Self, Kept)> {
        let path = settled(path).map_err(|error| about(path, error.kind(), &error))?;
        let lock = lock(&beside(&path, ".lock")).map_err(|error| about(&path, error.kind(), &error))?;
        let file = Self { path, _lock: lock };
        let kept = match fs::read(&file.path) {
            Ok(bytes) => read(&bytes).map_err(|why| file.refused(&why))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let kept = new()?;
                file.write(&kept).map_err(|error| about(&file.path, error.kind(), &error))?;
                kept
            }
            Err(error) => return Err(about(&file.path, error.kind(), &error)),
        };
        Ok((file, kept))
    }

    /// What is wrong with what the file holds.
    pub(crate) fn refused(&self, why: &str) -> io::Error {
        let why = format!("{why}. It is left as it is; name another file, or delete it to start anew");
        about(&self.path, io::ErrorKind::InvalidData, &why)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Puts a new file in the old one's place: whatever happens, one of the two is there as a whole.
    pub(crate) fn write(&self, kept: &Kept) -> io::Result<()> {
        let json = serde_json::to_vec(kept)?;
        let new = beside(&self.path, ".new");
        // What an interrupted write left. A file made anew is nobody else's, and no link to anywhere.
        fs::remove_file(&new).or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => Ok(()),
            _ => Err(error),
        })?;
        let mut file = for_me_alone().create_new(true).open(&new)?;
        file.write_all(&json)?;
        file.sync_data()?;
        fs::rename(&new, &self.path)
    }
}

/// The path that every name of the file leads to, so that they share one lock.
fn settled(path: &Path) -> io::Result<PathBuf> {
    match path.canonicalize() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let name = path.file_name().ok_or(error)?;
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            Ok(folder.canonicalize()?.join(name))
        }
        settled => settled,
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// The file holds keys.
fn for_me_alone() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// A process that dies lets go of it.
fn lock(path: &Path) -> io::Result<fs::File> {
    let file = for_me_alone().create(true).truncate(false).open(path)?;
    // By its name: newer toolchains have a method of their own.
    FileExt::try_lock(&file).map_err(|error| match error {
        TryLockError::WouldBlock => {
            io::Error::new(io::ErrorKind::ResourceBusy, "another emulator keeps its state in it")
        }
        TryLockError::Error(error) => error,
    })?;
    Ok(file)
}

/// What the file holds, or what is wrong with it, of which nothing is repeated: it has keys.
fn read(bytes: &[u8]) -> Result<Kept, String> {
    let broken = |error: serde_json::Error| format!("is broken in line {}, column {}", error.line(), error.column());
    let head: Option<Head> = match serde_json::from_slice(bytes) {
        Ok(head) => Some(head),
        Err(error) if error.is_data() => None,
        Err(error) => return Err(broken(error)),
    };
    match head {
        Some(Head { format, version: VERSION }) if format == FORMAT => serde_json::from_slice(bytes).map_err(broken),
        Some(Head { format, version }) if format == FORMAT => {
            Err(format!("has the form {version}, and this program reads the form {VERSION}"))
        }
        _ => Err("is not the state of an emulator".to_owned()),
    }
}

fn about(path: &Path, kind: io::ErrorKind, what: &dyn std::fmt::Display) -> io::Error {
    io::Error::new(kind, format!("{}: {what}", path.display()))
}
