//! The settings of the user directory.

use super::{
    EnvReader,
    table::{USER_DIRECTORY, USER_DIRECTORY_KEY},
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
        if matches!(place, Some(StoreLocation::Memory)) {
            self.warn(
                USER_DIRECTORY,
                "is `memory:`: each process creates identities of its own and forgets them when it ends",
            );
        }
        let (entra, aws) = match place.as_ref()? {
            StoreLocation::Blob { emulated: false, .. } => (Some(self.entra_for_storage()?), Vec::new()),
            #[cfg(feature = "s3")]
            StoreLocation::S3 { .. } => (None, self.aws()),
            #[cfg(not(feature = "s3"))]
            StoreLocation::S3 { .. } => {
                return self.reject(USER_DIRECTORY, "is in S3, which this build does not support; use another place");
            }
            _ => (None, Vec::new()),
        };
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

    /// Returns every variable that the object store knows as a setting of S3. The names are those of the AWS SDKs.
    ///
    /// <https://docs.rs/object_store/latest/object_store/aws/enum.AmazonS3ConfigKey.html>
    #[cfg(feature = "s3")]
    fn aws(&mut self) -> Vec<(String, String)> {
        use acs_identity::http::is_loopback;
        use object_store::aws::AmazonS3ConfigKey as Key;

        use super::table::SETTINGS;
        use crate::directory::is_local;

        let mut aws = Vec::new();
        for name in self.names("AWS_") {
            let Ok(key) = name.to_ascii_lowercase().parse() else { continue };
            let setting = SETTINGS.iter().map(|setting| setting.name).find(|known| *known == name);
            let Some(value) = self.value_of(&name, setting.unwrap_or(USER_DIRECTORY)) else { continue };
            let (allowed, near) = match key {
                Key::Endpoint | Key::S3Endpoint | Key::StsEndpoint => (is_url(&value, is_loopback), "on loopback"),
                // The token of the container travels to this address.
                Key::ContainerCredentialsFullUri => {
                    (is_url(&value, is_local), "on loopback or on a link-local address")
                }
                _ => (true, ""),
            };
            if !allowed {
                let detail = format!("must be an https URL, or an http URL {near}");
                match setting {
                    Some(setting) => self.report(setting, detail),
                    None => self.report(USER_DIRECTORY, format!("{name} {detail}")),
                }
            }
            aws.push((name, value));
        }
        aws
    }
}

/// Returns whether a text is an https URL, or an http URL to a host that needs no encryption.
#[cfg(feature = "s3")]
fn is_url(text: &str, is_near: fn(&reqwest::Url) -> bool) -> bool {
    reqwest::Url::parse(text).is_ok_and(|url| url.scheme() == "https" || (url.scheme() == "http" && is_near(&url)))
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
