//! Imports exported records into a user directory.

use acs_identity::types::IdentityId;

use super::{
    DirectoryAdmin, DirectoryKey, Error, MAX_CONFLICTS, Record, RecordName, RecordSelector, State, StoreError,
    record::Holder,
};

/// The content of a record as the store has it. An export contains it, and an import reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordContent(Vec<u8>);

impl RecordContent {
    pub(super) fn new(record: &Record, holder: Option<&Holder>) -> Self {
        Self(record.to_json(holder))
    }

    /// Reads the content of a record.
    ///
    /// # Errors
    /// [`StoreError::InvalidRecord`] if it is not that of a user's record.
    pub fn from_json(json: &str) -> Result<Self, StoreError> {
        match Record::from_json(json.as_bytes())? {
            (_, Some(Holder::Guest(_))) => Err(StoreError::InvalidRecord),
            (record, holder) => Ok(Self::new(&record, holder.as_ref())),
        }
    }

    /// Returns the content of the record of a user who has an identity. The store adds the user.
    #[must_use]
    pub fn of_identity(id: IdentityId) -> Self {
        Self::new(&State::Active(id).into(), None)
    }

    /// Returns the JSON.
    #[must_use]
    pub fn as_json(&self) -> &str {
        // The JSON library writes UTF-8.
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// The outcome of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ImportOutcome {
    /// The directory did not have the record. It was written.
    Created,
    /// The directory has the same record.
    Unchanged,
    /// The directory has another record of that name, which stays.
    Kept,
    /// The directory had another record of that name, which was replaced.
    Replaced,
    /// The record was named with another key. It was not written, because no user would be found by it.
    OtherKey,
}

impl DirectoryAdmin {
    /// Writes the selected record, such as one that was exported. With `overwrite`, replaces another record there, unless it
    /// changes meanwhile.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn import(
        &self,
        selected: RecordSelector,
        content: &RecordContent,
        overwrite: bool,
    ) -> Result<ImportOutcome, Error> {
        let (record, holder) = Record::from_json(&content.0)?;
        if let RecordSelector::Name(name) = selected
            && !holder.as_ref().is_none_or(|holder| is_under(&self.store.key, name, holder))
        {
            return Ok(ImportOutcome::OtherKey);
        }
        for _ in 0..MAX_CONFLICTS {
            let (previous, outcome) = match self.store.find(selected).await? {
                None => (None, ImportOutcome::Created),
                Some((found, _)) if found == record => return Ok(ImportOutcome::Unchanged),
                Some((_, version)) if overwrite => (Some(version), ImportOutcome::Replaced),
                Some(_) => return Ok(ImportOutcome::Kept),
            };
            let written = match selected {
                RecordSelector::User(user) => self.store.write_user(user, &record, previous).await?,
                RecordSelector::Name(name) => self.store.put(name, &record, holder.as_ref(), previous).await?,
            };
            if written {
                return Ok(outcome);
            }
        }
        Err(Error::Contended)
    }
}

/// Returns whether one of the keys names the record of a user.
fn is_under(key: &DirectoryKey, name: RecordName, holder: &Holder) -> bool {
    let Holder::User(user) = holder else { return false };
    user.open(key, name).is_some() || key.second().is_some_and(|second| user.open(&second, name).is_some())
}
