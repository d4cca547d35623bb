//! The settings of the user directory.

use acs_identity::http::is_loopback;
use reqwest::Url;

use super::{
    EnvReader,
    table::{S3_ENDPOINT, SETTINGS, USER_DIRECTORY, USER_DIRECTORY_KEY},
};
use crate::directory::{DirectoryKey, DirectorySettings, StoreLocation};

impl EnvReader<'_> {
    /// Returns the user directory, or `Some(None)` if none is set.
    pub fn directory(&mut self) -> Option<Option<DirectorySettings>> {
        let key = self.parsed::<DirectoryKey>(USER_DIRECTORY_KEY);
        if !self.is_set(USER_DIRECTORY) {
            if self.is_set(USER_DIRECTORY_KEY) {
                let detail = format!("has no effect without {USER_DIRECTORY}; set both or neither");
                return self.reject(USER_DIRECTORY_KEY, detail);
            }
            return Some(None);
        }
        let place = self.parsed(USER_DIRECTORY);
        let key = match place {
            // The names need not be found again by another process.
            Some(StoreLocation::Memory) if !self.is_set(USER_DIRECTORY_KEY) => Some(DirectoryKey::random()),
            _ if !self.is_set(USER_DIRECTORY_KEY) => {
                let detail = "is missing; generate it with `openssl rand -base64 32` and keep it: if it is lost, \
                              existing records can no longer be matched to users";
                self.reject(USER_DIRECTORY_KEY, detail)
            }
            _ => key,
        };
        let (mut entra, mut aws) = (None, Vec::new());
        match place.as_ref()? {
            StoreLocation::Blob { emulated: false, .. } => entra = Some(self.entra_for_storage()?),
            StoreLocation::S3 { .. } if cfg!(not(feature = "s3")) => {
                return self.reject(USER_DIRECTORY, "is in S3, which this build does not support; use another place");
            }
            StoreLocation::S3 { .. } => aws = self.aws(),
            _ => {}
        }
        Some(Some(DirectorySettings { location: place?, key: key?, entra, aws }))
    }

    /// Returns a user directory that outlives the process, for commands that work on its records.
    pub fn persistent_directory(&mut self) -> Option<DirectorySettings> {
        match self.directory()? {
            None => self.reject(USER_DIRECTORY, "is missing; set it to the location of the directory"),
            Some(directory) if directory.location == StoreLocation::Memory => {
                self.reject(USER_DIRECTORY, "is `memory:`, which other processes cannot read; use another place")
            }
            directory => directory,
        }
    }

    /// Returns the settings for S3, which have the names that every AWS SDK reads.
    fn aws(&mut self) -> Vec<(&'static str, String)> {
        let is_allowed = |url: Url| url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url));
        if self.value(S3_ENDPOINT).is_some_and(|endpoint| !Url::parse(&endpoint).is_ok_and(is_allowed)) {
            self.report(S3_ENDPOINT, "must be an https URL, or an http URL on loopback");
        }
        // The object store knows these settings by name.
        let aws = SETTINGS.iter().filter(|setting| setting.section == "AWS" && setting.read_by.contains(&"directory"));
        aws.filter_map(|setting| Some((setting.name, self.value(setting.name)?))).collect()
    }
}

#[cfg(all(test, not(feature = "s3")))]
mod tests {
    use super::*;

    #[test]
    fn s3_is_rejected_in_builds_without_it() {
        let get = |name: &str| match name {
            USER_DIRECTORY => Some("s3://users".into()),
            USER_DIRECTORY_KEY => Some("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=".into()),
            _ => None,
        };
        let mut env = EnvReader::new(&get);
        let directory = env.directory();
        let errors = env.finish(directory).unwrap_err();
        assert!(errors.0[0].detail.starts_with("is in S3, which this build does not support"), "{errors}");
    }
}
