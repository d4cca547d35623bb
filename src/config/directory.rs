//! The settings of the directory of people's identities.

use reqwest::Url;

use super::EnvReader;
use crate::{
    acs::{credential::Entra, endpoint::is_loopback},
    directory::{self, DirectoryKey, StoreLocation},
};

pub(super) const USER_DIRECTORY: &str = "USER_DIRECTORY";
pub(super) const USER_DIRECTORY_KEY: &str = "USER_DIRECTORY_KEY";

const S3_ENDPOINT: &str = "AWS_ENDPOINT_URL_S3";

/// What S3 may need, under the names that all AWS SDKs know. Lambda sets most of them.
const AWS: [&str; 9] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    S3_ENDPOINT,
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_ARN",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
];

impl EnvReader<'_> {
    /// The directory, if one is set.
    pub fn directory(&mut self) -> Option<Option<directory::DirectorySettings>> {
        let key = self.value(USER_DIRECTORY_KEY).map(|text| self.parse::<DirectoryKey>(USER_DIRECTORY_KEY, &text));
        let Some(text) = self.value(USER_DIRECTORY) else {
            return match key {
                Some(_) => self.fault(USER_DIRECTORY_KEY, format!("is set without {USER_DIRECTORY}")),
                None => Some(None),
            };
        };
        let place: Option<StoreLocation> = self.parse(USER_DIRECTORY, &text);
        let key = match (key, &place) {
            (Some(key), _) => key,
            // Nobody else has to find the names again.
            (None, Some(StoreLocation::Memory)) => Some(DirectoryKey::random()),
            (None, _) => {
                let detail = "is missing; users' names are hashed with it. `openssl rand -base64 32` makes one; keep it, \
                              without it nobody is found again";
                self.fault(USER_DIRECTORY_KEY, detail.to_owned())
            }
        };
        let place = place?;
        if cfg!(not(feature = "s3")) && matches!(place, StoreLocation::S3 { .. }) {
            return self.fault(USER_DIRECTORY, "is in S3, which this program was built without".to_owned());
        }
        let entra = match &place {
            StoreLocation::Blob { emulated: false, .. } => Some(Entra::for_storage(self.keyless_way()?)),
            _ => None,
        };
        let aws = if matches!(place, StoreLocation::S3 { .. }) { self.aws() } else { Vec::new() };
        Some(Some(directory::DirectorySettings { location: place, key: key?, entra, aws }))
    }

    /// The directory for those who look after it, who have come for nothing else.
    pub fn kept_directory(&mut self) -> Option<directory::DirectorySettings> {
        match self.directory()? {
            None => self.fault(USER_DIRECTORY, "is missing; it says where the directory is".to_owned()),
            Some(directory) if directory.location == StoreLocation::Memory => {
                let detail = "is memory:, which only the process knows that has it, and which ends with it";
                self.fault(USER_DIRECTORY, detail.to_owned())
            }
            Some(directory) => Some(directory),
        }
    }

    fn aws(&mut self) -> Vec<(&'static str, String)> {
        if let Some(endpoint) = self.value(S3_ENDPOINT)
            && !Url::parse(&endpoint).is_ok_and(|url| match url.scheme() {
                "https" => true,
                "http" => is_loopback(&url),
                _ => false,
            })
        {
            let _ = self.fault::<()>(S3_ENDPOINT, "is neither an https URL nor one of this machine".to_owned());
        }
        AWS.into_iter().filter_map(|name| Some((name, self.value(name)?))).collect()
    }
}

#[cfg(all(test, not(feature = "s3")))]
mod tests {
    use super::*;

    #[test]
    fn s3_is_a_fault_where_it_was_left_out() {
        let get = |name: &str| match name {
            USER_DIRECTORY => Some("s3://users".into()),
            USER_DIRECTORY_KEY => Some("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=".into()),
            _ => None,
        };
        let mut settings = EnvReader::new(&get);
        let directory = settings.directory();
        let faults = settings.finish(directory).unwrap_err().to_string();
        assert_eq!(faults, "the settings are wrong\n  USER_DIRECTORY: is in S3, which this program was built without");
    }
}
