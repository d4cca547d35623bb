//! Reads records from an object store and writes them on the condition that they have not changed.

use std::{fs::File, future::Future, io, path::PathBuf, sync::Arc, time::Duration};

use fs4::FileExt;
use futures_util::{Stream, TryStreamExt as _};
use jiff::Timestamp;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt as _, PutMode, UpdateVersion, path::Path};

use super::{DirectoryKey, Record, RecordName, StoreError, answer::StoreAnswer, guest_records::FOLDER, record::Holder};

/// Timeout of a read or write, retries included.
const STORE_TIMEOUT: Duration = Duration::from_secs(6);

/// Milliseconds to wait before a write is repeated because the store was busy with another write of the same record.
const BUSY_WAITS_MS: [u64; 4] = [100, 200, 400, 800];

/// The records of one directory.
#[derive(Debug, Clone)]
pub(super) struct RecordStore {
    pub(super) objects: Arc<dyn ObjectStore>,
    pub(super) prefix: Path,
    /// The file that writers lock in a folder, because `LocalFileSystem` has no conditional writes.
    pub(super) lock: Option<PathBuf>,
    pub(super) key: DirectoryKey,
}

/// A record as it was read: the condition of the next write, and the holder, which that write keeps.
#[derive(Debug, Clone)]
pub(super) struct Version {
    pub(super) name: RecordName,
    pub(super) holder: Option<Holder>,
    pub(super) meta: ObjectMeta,
}

impl RecordStore {
    pub(super) async fn read(&self, name: RecordName) -> Result<Option<(Record, Version)>, StoreError> {
        let Some((json, meta)) = self.get(name).await? else { return Ok(None) };
        let (record, holder) = Record::from_json(&json)?;
        Ok(Some((record, Version { name, holder, meta })))
    }

    /// Creates a record, or replaces the one that was read as `previous`. Returns `false` if it has changed since.
    pub(super) async fn write(
        &self,
        name: RecordName,
        record: &Record,
        previous: Option<Version>,
    ) -> Result<bool, StoreError> {
        let holder = previous.as_ref().and_then(|version| version.holder.clone());
        self.put(name, record, holder.as_ref(), previous).await
    }

    /// Writes a record with its holder.
    pub(super) async fn put(
        &self,
        name: RecordName,
        record: &Record,
        holder: Option<&Holder>,
        previous: Option<Version>,
    ) -> Result<bool, StoreError> {
        let json = record.to_json(holder);
        let written = in_time(self.put_when_free(name, &json, previous)).await;
        // An encrypted user differs in each write, so the store can tell whether it has this one. Two writes with one guest
        // and one identity mean the same. In a folder, a record that was not synced to the disk must not count as written.
        let is_known = match holder {
            None => false,
            Some(Holder::User(_)) => !record.is_empty(),
            Some(Holder::Guest(_)) => true,
        };
        if matches!(written, Ok(true)) || !is_known || self.lock.is_some() {
            return written;
        }
        // The answer may have been lost after the record was written. A retry fails then, because the record has changed.
        match self.get(name).await {
            Ok(Some((found, _))) if found == json => Ok(true),
            _ => written,
        }
    }

    /// Repeats a write while the store is busy with another write of the same record.
    async fn put_when_free(
        &self,
        name: RecordName,
        json: &[u8],
        previous: Option<Version>,
    ) -> Result<bool, StoreError> {
        for wait in BUSY_WAITS_MS.map(Duration::from_millis) {
            match self.put_once(name, json, previous.clone()).await {
                Err(StoreError::Refused(answer)) if answer.is_busy_object() => tokio::time::sleep(wait).await,
                written => return written,
            }
        }
        self.put_once(name, json, previous).await
    }

    async fn put_once(&self, name: RecordName, json: &[u8], previous: Option<Version>) -> Result<bool, StoreError> {
        let lock = self.lock().await?;
        let is_update = previous.is_some();
        let mode = match previous.map(|version| version.meta) {
            None => PutMode::Create,
            Some(meta) if lock.is_none() => PutMode::Update(UpdateVersion { e_tag: meta.e_tag, version: meta.version }),
            Some(meta) if self.is_unchanged(&meta).await? => PutMode::Overwrite,
            Some(_) => return Ok(false),
        };
        match self.objects.put_opts(&self.path(name), json.to_vec().into(), mode.into()).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => Ok(false),
            Err(error) => match StoreAnswer::find(&error) {
                Some(answer) if answer.is_changed_object() => Ok(false),
                Some(answer) if answer.is_missing_object() && is_update => Ok(false),
                _ => Err(error.into()),
            },
        }
    }

    async fn get(&self, name: RecordName) -> Result<Option<(Vec<u8>, ObjectMeta)>, StoreError> {
        in_time(async {
            let found = match self.objects.get(&self.path(name)).await {
                Ok(found) => found,
                Err(object_store::Error::NotFound { .. }) => return self.check_folder().map(|()| None),
                Err(error) => match StoreAnswer::find(&error) {
                    Some(answer) if answer.is_missing_object() => return Ok(None),
                    _ => return Err(error.into()),
                },
            };
            let meta = found.meta.clone();
            Ok(Some((found.bytes().await?.to_vec(), meta)))
        })
        .await
    }

    /// Checks that the folder exists, if the store is one. Without the folder, every record would be missing.
    fn check_folder(&self) -> Result<(), StoreError> {
        match self.lock.as_ref().and_then(|lock| lock.parent()) {
            Some(folder) => Ok(folder.metadata().map(|_| ())?),
            None => Ok(()),
        }
    }

    /// Removes a record. A folder returns `false` if the record has changed since it was read; other stores cannot tell.
    pub(super) async fn remove(&self, previous: &Version) -> Result<bool, StoreError> {
        in_time(async {
            let lock = self.lock().await?;
            if lock.is_some() && !self.is_unchanged(&previous.meta).await? {
                return Ok(false);
            }
            match self.objects.delete(&previous.meta.location).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(true),
                Err(error) => match StoreAnswer::find(&error) {
                    Some(answer) if answer.is_missing_object() => Ok(true),
                    _ => Err(error.into()),
                },
            }
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
        let folder = match name.end() {
            None => self.prefix.clone(),
            Some(end) => self.prefix.clone().join(FOLDER).join(end.to_string()),
        };
        folder.join(format!("{}.json", hex::encode(name.bytes())))
    }
}

impl Version {
    /// Returns when the record was written.
    pub(super) fn written_at(&self) -> Result<Timestamp, StoreError> {
        Timestamp::from_second(self.meta.last_modified.timestamp()).map_err(|_| StoreError::InvalidRecord)
    }
}

pub(super) async fn in_time<T>(work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    // Boxed, because the futures of the object store take several KiB, and each caller would contain several.
    tokio::time::timeout(STORE_TIMEOUT, Box::pin(work)).await.unwrap_or(Err(StoreError::TimedOut))
}
