//! The records of users, under one key or under two while one replaces the other.

use super::{
    DirectoryKey, Record, RecordName, StoreError, UserId,
    record::Holder,
    sealed_user::SealedUser,
    store::{RecordStore, Version},
};

/// The record of a user under either key, or the record of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RecordSelector {
    /// The record of a user.
    User(UserId),
    /// The record of this name.
    Name(RecordName),
}

impl RecordSelector {
    /// Returns the name of the record. The name of a user's record is that under the first key.
    #[must_use]
    pub fn name(self, key: &DirectoryKey) -> RecordName {
        match self {
            Self::User(user) => RecordName::new(key, user),
            Self::Name(name) => name,
        }
    }
}

impl RecordStore {
    /// Reads the selected record.
    pub(super) async fn find(&self, selected: RecordSelector) -> Result<Option<(Record, Version)>, StoreError> {
        match selected {
            RecordSelector::User(user) => self.read_user(user).await,
            RecordSelector::Name(name) => self.read(name).await,
        }
    }

    /// Creates the selected record, or replaces the one that was read as `previous`. Returns `false` if it has changed since.
    pub(super) async fn replace(
        &self,
        selected: RecordSelector,
        record: &Record,
        previous: Option<Version>,
    ) -> Result<bool, StoreError> {
        match selected {
            RecordSelector::User(user) => self.write_user(user, record, previous).await,
            RecordSelector::Name(name) => self.write(name, record, previous).await,
        }
    }

    /// Reads a user's record. With two keys, a record under the second key counts if the one under the first is missing
    /// or empty. Adds the user to a record of an earlier version, which has none.
    pub(super) async fn read_user(&self, user: UserId) -> Result<Option<(Record, Version)>, StoreError> {
        let mut found = self.read(self.first_name(user)).await?;
        if is_empty(found.as_ref())
            && let Some(second) = self.key.second()
        {
            let other = self.read(RecordName::new(&second, user)).await?;
            if !is_empty(other.as_ref()) {
                found = other;
            }
        }
        match found {
            Some((record, version)) if version.holder.is_none() && !record.is_empty() => {
                let name = version.name;
                // The record can be used without it. `directory rekey` lists those that remain.
                match self.write_user(user, &record, Some(version.clone())).await {
                    Ok(_) => self.read(name).await,
                    Err(_) => Ok(Some((record, version))),
                }
            }
            found => Ok(found),
        }
    }

    /// Creates a user's record under the first key, or replaces the one that was read as `previous`. Returns `false` if it
    /// has changed since.
    pub(super) async fn write_user(
        &self,
        user: UserId,
        record: &Record,
        previous: Option<Version>,
    ) -> Result<bool, StoreError> {
        let first = self.first_name(user);
        let name = previous.as_ref().map_or(first, |version| version.name);
        let key = if name == first { Some(self.key.clone()) } else { self.key.second() };
        let user = key.and_then(|key| SealedUser::new(&key, user)).map(Holder::User);
        self.put(name, record, user.as_ref(), previous).await
    }

    /// Returns whether the selected user has a record with content under the second key.
    pub(super) async fn has_second_record(&self, selected: RecordSelector) -> Result<bool, StoreError> {
        let (RecordSelector::User(user), Some(second)) = (selected, self.key.second()) else { return Ok(false) };
        Ok(!is_empty(self.read(RecordName::new(&second, user)).await?.as_ref()))
    }

    /// Returns the names of the selected user's records if there are two keys, else none.
    pub(super) fn names_under_two_keys(&self, selected: RecordSelector) -> Vec<RecordName> {
        match (selected, self.key.second()) {
            (RecordSelector::User(user), Some(second)) => vec![self.first_name(user), RecordName::new(&second, user)],
            _ => Vec::new(),
        }
    }

    /// Returns the name of the user's record under the first key.
    pub(super) fn first_name(&self, user: UserId) -> RecordName {
        RecordName::new(&self.key, user)
    }

    /// Returns the user of a record under either key.
    pub(super) fn user(&self, version: &Version) -> Option<UserId> {
        let Some(Holder::User(user)) = &version.holder else { return None };
        let open = |key: &DirectoryKey| user.open(key, version.name);
        open(&self.key).or_else(|| open(&self.key.second()?))
    }
}

fn is_empty(found: Option<&(Record, Version)>) -> bool {
    found.is_none_or(|(record, _)| record.is_empty())
}
