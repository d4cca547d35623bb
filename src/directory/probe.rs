//! Tries a store: a read, and writes whose conditions do not hold.

use object_store::ObjectMeta;

use super::{
    DirectoryKey, Record, RecordName, State, StoreError, UserId,
    store::{RecordStore, Version},
};

impl RecordStore {
    /// Reads a record that does not exist.
    pub(super) async fn try_read(&self) -> Result<(), StoreError> {
        self.read(name_of_no_user()).await.map(|_| ())
    }

    /// Returns whether the store rejects writes whose conditions do not hold. Writes a record of no user and removes it.
    ///
    /// If the process is killed in between, the empty record remains, and `acs-tokens directory repair` removes it.
    pub(super) async fn obeys_conditions(&self) -> Result<bool, StoreError> {
        let name = name_of_no_user();
        let obeys = self.try_conditions(name).await;
        let removed = async {
            let Some((_, version)) = self.read(name).await? else { return Ok(()) };
            self.remove(&version).await.map(|_| ())
        };
        let removed = removed.await;
        obeys.and_then(|obeys| removed.map(|()| obeys))
    }

    async fn try_conditions(&self, name: RecordName) -> Result<bool, StoreError> {
        let empty = Record::from(State::Deleted);
        let created = self.write(name, &empty, None).await?;
        let created_again = self.write(name, &empty, None).await?;
        let Some((_, version)) = self.read(name).await? else { return Ok(false) };
        let meta = ObjectMeta { e_tag: Some(r#""other""#.to_owned()), version: None, ..version.meta };
        let changed = Version { meta, ..version };
        let replaced = self.write(name, &empty, Some(changed)).await?;
        Ok(created && !created_again && !replaced)
    }
}

/// Returns the name of a record that no user has: its key is random and dropped at once.
fn name_of_no_user() -> RecordName {
    RecordName::new(&DirectoryKey::random(), UserId::from([0; 32]))
}

#[cfg(test)]
mod tests {
    use futures_util::TryStreamExt as _;

    use super::*;
    use crate::directory::{DirectorySettings, StoreLocation, open};

    #[tokio::test]
    async fn stores_obey_conditions_and_keep_no_record_of_the_attempt() {
        let folder = tempfile::tempdir().unwrap();
        let files = StoreLocation::Files(folder.path().to_owned());
        for location in [StoreLocation::Memory, files] {
            let settings = DirectorySettings::at(location, DirectoryKey::random());
            let store = open::open(&settings, &acs_identity::http::client_builder().build().unwrap()).unwrap();
            store.try_read().await.unwrap();
            assert!(store.obeys_conditions().await.unwrap(), "{settings:?}");
            assert_eq!(store.names().try_collect::<Vec<_>>().await.unwrap(), []);
        }
    }
}
