//! Reads records from an object store and writes them on the condition that they have not changed.

use std::{fs::File, future::Future, io, path::PathBuf, sync::Arc, time::Duration};

use fs4::FileExt;
use futures_util::{Stream, TryStreamExt as _};
use jiff::Timestamp;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt as _, PutMode, UpdateVersion, path::Path};

use super::{Record, RecordName};

/// Timeout of a read or write, retries included.
const STORE_TIMEOUT: Duration = Duration::from_secs(6);

/// An error of the directory's store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The object store returned an error.
    #[error("the store answered with an error")]
    ObjectStore(#[from] object_store::Error),
    /// The object store did not answer within 6 seconds.
    #[error("the store did not answer in time")]
    TimedOut,
    /// An object in the store is not a record.
    #[error("the object is not a record of a user directory")]
    InvalidRecord,
    /// The HTTP client cannot be built.
    #[error("cannot build the HTTP client")]
    Http(#[from] reqwest::Error),
    /// The folder cannot be read or written.
    #[error("the folder cannot be used")]
    Folder(#[from] io::Error),
}

/// The records of one directory.
#[derive(Debug, Clone)]
pub(super) struct RecordStore {
    pub(super) objects: Arc<dyn ObjectStore>,
    pub(super) prefix: Path,
    /// The file that writers lock in a folder, because `LocalFileSystem` has no conditional writes.
    pub(super) lock: Option<PathBuf>,
}

impl RecordStore {
    pub(super) async fn read(&self, name: RecordName) -> Result<Option<(Record, ObjectMeta)>, StoreError> {
        in_time(async {
            let found = match self.objects.get(&self.path(name)).await {
                Err(object_store::Error::NotFound { .. }) => return Ok(None),
                found => found?,
            };
            let meta = found.meta.clone();
            Ok(Some((Record::from_json(&found.bytes().await?)?, meta)))
        })
        .await
    }

    /// Creates a record, or replaces the one that was read as `previous`. Returns `false` if it has changed since.
    pub(super) async fn write(
        &self,
        name: RecordName,
        record: &Record,
        previous: Option<ObjectMeta>,
    ) -> Result<bool, StoreError> {
        in_time(async {
            let lock = self.lock().await?;
            let mode = match previous {
                None => PutMode::Create,
                Some(meta) if lock.is_none() => {
                    PutMode::Update(UpdateVersion { e_tag: meta.e_tag, version: meta.version })
                }
                Some(meta) if self.is_unchanged(&meta).await? => PutMode::Overwrite,
                Some(_) => return Ok(false),
            };
            match self.objects.put_opts(&self.path(name), record.to_json().into(), mode.into()).await {
                Err(
                    object_store::Error::AlreadyExists { .. }
                    | object_store::Error::Precondition { .. }
                    | object_store::Error::NotFound { .. },
                ) => Ok(false),
                written => Ok(written.map(|_| true)?),
            }
        })
        .await
    }

    /// Removes a record. A folder returns `false` if the record has changed since it was read; other stores cannot tell.
    pub(super) async fn remove(&self, previous: &ObjectMeta) -> Result<bool, StoreError> {
        in_time(async {
            let lock = self.lock().await?;
            if lock.is_some() && !self.is_unchanged(previous).await? {
                return Ok(false);
            }
            self.objects.delete(&previous.location).await?;
            Ok(true)
        })
        .await
    }

    /// Returns the names of all records. Skips objects with other names and objects in subfolders.
    pub(super) fn names(&self) -> impl Stream<Item = Result<RecordName, StoreError>> {
        self.objects.list(Some(&self.prefix)).map_err(StoreError::from).try_filter_map(async |meta| {
            let name = meta.location.filename().and_then(|name| name.strip_suffix(".json")?.parse().ok());
            Ok(name.filter(|name| meta.location == self.path(*name)))
        })
    }

    /// Locks a folder against other writers until the file is dropped. The lock ends with the process, even if killed.
    async fn lock(&self) -> Result<Option<File>, StoreError> {
        let Some(path) = self.lock.clone() else { return Ok(None) };
        let locked = tokio::task::spawn_blocking(move || {
            let file = File::options().create(true).truncate(false).write(true).open(path)?;
            // Not `file.lock()`: since Rust 1.89, `File` has a method of that name.
            FileExt::lock(&file)?;
            Ok::<_, io::Error>(Some(file))
        });
        Ok(locked.await.map_err(io::Error::other)??)
    }

    async fn is_unchanged(&self, previous: &ObjectMeta) -> Result<bool, StoreError> {
        match self.objects.head(&previous.location).await {
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            found => Ok(found?.e_tag == previous.e_tag),
        }
    }

    fn path(&self, name: RecordName) -> Path {
        self.prefix.clone().join(format!("{name}.json"))
    }
}

/// Returns when an object was written.
pub(super) fn written_at(meta: &ObjectMeta) -> Result<Timestamp, StoreError> {
    Timestamp::from_second(meta.last_modified.timestamp()).map_err(|_| StoreError::InvalidRecord)
}

async fn in_time<T>(work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    tokio::time::timeout(STORE_TIMEOUT, work).await.unwrap_or(Err(StoreError::TimedOut))
}
