//! The location of a user directory, as set by `USER_DIRECTORY`.

use std::{fmt, path::PathBuf, str::FromStr};

use acs_identity::http::is_loopback;
use reqwest::Url;

use super::DirectoryKey;
use crate::entra::TokenSource;

/// Settings of a user directory.
#[derive(Clone)]
pub struct DirectorySettings {
    /// The location of the store.
    pub location: StoreLocation,
    /// The key of record names.
    pub key: DirectoryKey,
    /// The credential for Azure Blob Storage. Azurite needs none.
    pub entra: Option<TokenSource>,
    /// Settings for S3, named as in the AWS SDKs: `AWS_REGION` etc.
    pub aws: Vec<(String, String)>,
}

impl fmt::Debug for DirectorySettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { location, key, entra, aws } = self;
        // Names only: some values are secret.
        let aws: Vec<&String> = aws.iter().map(|(name, _)| name).collect();
        let mut shown = f.debug_struct("DirectorySettings");
        shown.field("location", location).field("key", key).field("entra", entra).field("aws", &aws).finish()
    }
}

impl DirectorySettings {
    /// A directory in the memory of this process, with a random key.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::at(StoreLocation::Memory, DirectoryKey::random())
    }

    /// A directory that needs no credential.
    #[must_use]
    pub const fn at(location: StoreLocation, key: DirectoryKey) -> Self {
        Self { location, key, entra: None, aws: Vec::new() }
    }
}

/// The location of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreLocation {
    /// `memory:`: the memory of this process. Records are lost when it ends.
    Memory,
    /// `file:///…`: a folder on this machine, shared by any number of processes.
    Files(PathBuf),
    /// `https://<account>.blob.core.windows.net/<container>[/<prefix>]`: Azure Blob Storage.
    Blob {
        /// The storage account.
        account: String,
        /// The URL of the account's blobs.
        endpoint: String,
        /// The container, which must exist.
        container: String,
        /// Prefix of blob names. Empty if unset.
        prefix: String,
        /// Whether this is Azurite on this machine.
        emulated: bool,
    },
    /// `s3://<bucket>[/<prefix>]`: Amazon S3 or a compatible store.
    S3 {
        /// The bucket, which must exist.
        bucket: String,
        /// Prefix of object names. Empty if unset.
        prefix: String,
    },
}

/// The error for an invalid location.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidStoreLocation(&'static str);

const UNSUPPORTED: InvalidStoreLocation = InvalidStoreLocation(
    "is not a supported location; use https://<account>.blob.core.windows.net/<container>, s3://<bucket>, \
     file:///<folder> or memory:",
);
// Such a part may contain a secret.
const UNEXPECTED_PART: InvalidStoreLocation =
    InvalidStoreLocation("has a user, query or fragment; remove it, access is by managed identity or role");
const PLAIN_HTTP: InvalidStoreLocation =
    InvalidStoreLocation("uses http, which is only for Azurite on this machine; use https");
const NO_CONTAINER: InvalidStoreLocation =
    InvalidStoreLocation("names no container; use https://<account>.blob.core.windows.net/<container>");
const NO_BUCKET: InvalidStoreLocation = InvalidStoreLocation("names no bucket; use s3://<bucket>");
const RELATIVE: InvalidStoreLocation =
    InvalidStoreLocation("names a folder without its whole path; use file:///<folder>, which begins at the root");
const NO_FOLDER: InvalidStoreLocation = InvalidStoreLocation("names no folder on this machine; use file:///<folder>");

impl FromStr for StoreLocation {
    type Err = InvalidStoreLocation;

    fn from_str(text: &str) -> Result<Self, InvalidStoreLocation> {
        if text == "memory:" {
            return Ok(Self::Memory);
        }
        let url = Url::parse(text).map_err(|_| UNSUPPORTED)?;
        let bare = url.username().is_empty() && url.password().is_none();
        if !bare || url.query().is_some() || url.fragment().is_some() {
            return Err(UNEXPECTED_PART);
        }
        match url.scheme() {
            // A URL has no relative paths: the parser takes `file:./users` for `/users`.
            "file" if !text.split_once(':').is_some_and(|(_, path)| path.starts_with('/')) => Err(RELATIVE),
            "file" => url.to_file_path().map(Self::Files).map_err(|()| NO_FOLDER),
            "s3" => {
                let bucket = url.host_str().filter(|bucket| !bucket.is_empty()).ok_or(NO_BUCKET)?;
                Ok(Self::S3 { bucket: bucket.to_owned(), prefix: url.path().trim_matches('/').to_owned() })
            }
            "https" | "http" => blob(&url),
            _ => Err(UNSUPPORTED),
        }
    }
}

fn blob(url: &Url) -> Result<StoreLocation, InvalidStoreLocation> {
    let host = url.host_str().ok_or(UNSUPPORTED)?;
    let emulated = is_loopback(url);
    if url.scheme() == "http" && !emulated {
        return Err(PLAIN_HTTP);
    }
    let mut path = url.path().trim_matches('/');
    let mut endpoint = url.origin().ascii_serialization();
    let account = if emulated {
        // Azurite has the account in the path instead of the host.
        let (account, rest) = path.split_once('/').ok_or(NO_CONTAINER)?;
        path = rest;
        endpoint = format!("{endpoint}/{account}");
        account
    } else {
        // National clouds have other suffixes after `.blob.`.
        host.split_once(".blob.").map(|(account, _)| account).ok_or(UNSUPPORTED)?
    };
    let (container, prefix) = path.split_once('/').unwrap_or((path, ""));
    if container.is_empty() {
        return Err(NO_CONTAINER);
    }
    Ok(StoreLocation::Blob {
        account: account.to_owned(),
        endpoint,
        container: container.to_owned(),
        prefix: prefix.to_owned(),
        emulated,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blob(endpoint: &str, container: &str, prefix: &str, emulated: bool) -> StoreLocation {
        let account = if emulated { "devstoreaccount1" } else { "contoso" };
        let [account, endpoint, container, prefix] = [account, endpoint, container, prefix].map(str::to_owned);
        StoreLocation::Blob { account, endpoint, container, prefix, emulated }
    }

    #[test]
    fn locations_are_parsed() {
        let azure = "https://contoso.blob.core.windows.net";
        let s3 = |prefix: &str| StoreLocation::S3 { bucket: "users".to_owned(), prefix: prefix.to_owned() };
        for (text, location) in [
            ("memory:", StoreLocation::Memory),
            ("s3://users", s3("")),
            ("s3://users/of/app/", s3("of/app")),
            ("https://contoso.blob.core.windows.net/users", blob(azure, "users", "", false)),
            ("https://contoso.blob.core.windows.net/users/of/app/", blob(azure, "users", "of/app", false)),
            (
                "http://127.0.0.1:10000/devstoreaccount1/users",
                blob("http://127.0.0.1:10000/devstoreaccount1", "users", "", true),
            ),
        ] {
            assert_eq!(text.parse(), Ok(location), "{text}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn file_url_is_a_folder() {
        assert_eq!("file:///var/lib/users".parse(), Ok(StoreLocation::Files("/var/lib/users".into())));
    }

    #[test]
    fn invalid_locations_are_rejected() {
        for (text, error) in [
            ("users", UNSUPPORTED),
            ("memory", UNSUPPORTED),
            ("acs-custom-id", UNSUPPORTED),
            ("ftp://contoso/users", UNSUPPORTED),
            ("https://contoso.com/users", UNSUPPORTED),
            ("http://contoso.blob.core.windows.net/users", PLAIN_HTTP),
            ("https://contoso.blob.core.windows.net/", NO_CONTAINER),
            ("http://127.0.0.1:10000/devstoreaccount1", NO_CONTAINER),
            ("https://contoso.blob.core.windows.net/users?sv=1&sig=secret", UNEXPECTED_PART),
            ("https://me:secret@contoso.blob.core.windows.net/users", UNEXPECTED_PART),
            ("s3://users#secret", UNEXPECTED_PART),
            ("s3://", NO_BUCKET),
            ("file://server/users", NO_FOLDER),
            ("file://./users", NO_FOLDER),
            ("file:./users", RELATIVE),
            ("file:users", RELATIVE),
            ("file:../users", RELATIVE),
            ("file:~/users", RELATIVE),
            ("FILE:users", RELATIVE),
            ("file:\\\\users", RELATIVE),
        ] {
            assert_eq!(text.parse::<StoreLocation>(), Err(error), "{text}");
        }
    }
}
