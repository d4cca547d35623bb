//! Records in an object store: read, and written only where nobody has written meanwhile.

use std::{fs::File, io, path::PathBuf, sync::Arc, time::Duration};

use fs4::FileExt;
use futures_util::{Stream, StreamExt as _};
use jiff::Timestamp;
use object_store::{ObjectStore, ObjectStoreExt as _, PutMode, UpdateVersion, path::Path};

use super::{Name, Record, record::NotARecord};

/// The time one access may take with all its tries.
const PATIENCE: Duration = Duration::from_secs(6);

/// Why the store did not do what it should.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Failure(Cause);

#[derive(Debug, thiserror::Error)]
pub(super) enum Cause {
    #[error("the store answered with an error")]
    Store(#[from] object_store::Error),
    #[error("the store did not answer in time")]
    TimedOut,
    #[error(transparent)]
    NotARecord(#[from] NotARecord),
    #[cfg(not(feature = "s3"))]
    #[error("this program was built without S3")]
    WithoutS3,
    #[error("the folder cannot be used")]
    Folder(#[from] io::Error),
}

impl<E: Into<Cause>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

/// The state in which a record was read.
#[derive(Debug)]
pub(super) struct Version {
    state: UpdateVersion,
    pub(super) written_at: Timestamp,
}

/// A record of the directory, with its user's name.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The user's name.
    pub name: Name,
    /// When the record was written.
    pub written_at: Timestamp,
}

/// The records of one directory.
#[derive(Debug, Clone)]
pub(super) struct Store {
    pub(super) objects: Arc<dyn ObjectStore>,
    pub(super) prefix: Path,
    /// A folder replaces no file on a condition, so that writers take turns by this file.
    pub(super) lock: Option<PathBuf>,
}

impl Store {
    pub(super) async fn read(&self, name: Name) -> Result<Option<(Record, Version)>, Failure> {
        let path = self.path(name);
        let read = async {
            let found = match self.objects.get(&path).await {
                Err(object_store::Error::NotFound { .. }) => return Ok(None),
                found => found?,
            };
            let written_at = Timestamp::from_second(found.meta.last_modified.timestamp()).map_err(|_| NotARecord)?;
            let state = UpdateVersion { e_tag: found.meta.e_tag.clone(), version: found.meta.version.clone() };
            let record = Record::from_json(&found.bytes().await?)?;
            Ok(Some((record, Version { state, written_at })))
        };
        in_time(read).await
    }

    /// Writes a record: a new one, or in place of the one that was read. Tells whether it is written; it is not where
    /// somebody else has written meanwhile.
    pub(super) async fn write(&self, name: Name, record: &Record, over: Option<Version>) -> Result<bool, Failure> {
        let path = self.path(name);
        let write = async {
            let lock = self.lock().await?;
            let mode = match over {
                None => PutMode::Create,
                Some(Version { state, .. }) if lock.is_none() => PutMode::Update(state),
                Some(version) if self.is_still(&path, &version).await? => PutMode::Overwrite,
                Some(_) => return Ok(false),
            };
            match self.objects.put_opts(&path, record.to_json().into(), mode.into()).await {
                Ok(_) => Ok(true),
                Err(
                    object_store::Error::AlreadyExists { .. }
                    | object_store::Error::Precondition { .. }
                    | object_store::Error::NotFound { .. },
                ) => Ok(false),
                Err(error) => Err(error.into()),
            }
        };
        in_time(write).await
    }

    /// Removes a record that was read. Only a folder can tell whether somebody has written meanwhile; anywhere else
    /// whatever is there goes.
    pub(super) async fn remove(&self, name: Name, version: &Version) -> Result<bool, Failure> {
        let path = self.path(name);
        let remove = async {
            let lock = self.lock().await?;
            if lock.is_some() && !self.is_still(&path, version).await? {
                return Ok(false);
            }
            self.objects.delete(&path).await?;
            Ok(true)
        };
        in_time(remove).await
    }

    /// The writers' turn, where they take turns.
    async fn lock(&self) -> Result<Option<File>, Failure> {
        match &self.lock {
            Some(file) => Ok(Some(lock(file.clone()).await?)),
            None => Ok(None),
        }
    }

    async fn is_still(&self, path: &Path, version: &Version) -> Result<bool, Failure> {
        match self.objects.head(path).await {
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            found => Ok(found?.e_tag == version.state.e_tag),
        }
    }

    /// All records there are. What is not named as one, or lies deeper, is passed over.
    pub(super) fn entries(&self) -> impl Stream<Item = Result<Entry, Failure>> {
        let listed = self.objects.list(Some(&self.prefix));
        listed.filter_map(async |meta| match meta {
            Ok(meta) => {
                let name = meta.location.filename()?.strip_suffix(".json")?.parse().ok()?;
                if meta.location != self.path(name) {
                    return None;
                }
                let written_at = Timestamp::from_second(meta.last_modified.timestamp()).ok()?;
                Some(Ok(Entry { name, written_at }))
            }
            Err(error) => Some(Err(error.into())),
        })
    }

    fn path(&self, name: Name) -> Path {
        self.prefix.clone().join(format!("{name}.json"))
    }
}

async fn in_time<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::time::timeout(PATIENCE, work).await.unwrap_or(Err(Failure(Cause::TimedOut)))
}

/// The file, locked until it is dropped. A process that dies lets go of it.
async fn lock(path: PathBuf) -> Result<File, Failure> {
    let locked = tokio::task::spawn_blocking(move || {
        let file = File::options().create(true).truncate(false).write(true).open(path)?;
        // By its name: newer toolchains have a method of their own.
        FileExt::lock(&file)?;
        Ok::<_, io::Error>(file)
    });
    Ok(locked.await.map_err(io::Error::other)??)
}
