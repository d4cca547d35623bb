//! Where a directory is, as `USER_DIRECTORY` names it.

use std::{fmt, path::PathBuf, str::FromStr};

use acs_identity::http::is_loopback;
use reqwest::Url;

use super::Key;
use crate::entra::TokenSource;

/// What a directory needs to know.
#[derive(Clone)]
pub struct DirectorySettings {
    /// Where it is.
    pub place: StoreLocation,
    /// What users' names are hashed with.
    pub key: Key,
    /// Who this is for Azure Blob Storage.
    pub entra: Option<TokenSource>,
    /// What S3 needs, under the names of the AWS SDKs: `AWS_REGION` and the like.
    pub aws: Vec<(&'static str, String)>,
}

impl fmt::Debug for DirectorySettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, key, entra, aws } = self;
        // Secrets are among the values.
        let aws: Vec<&str> = aws.iter().map(|(name, _)| *name).collect();
        let mut shown = f.debug_struct("DirectorySettings");
        shown.field("place", place).field("key", key).field("entra", entra).field("aws", &aws).finish()
    }
}

impl DirectorySettings {
    /// A directory in this process's memory, which ends with it.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::at(StoreLocation::Memory, Key::random())
    }

    /// A directory that needs nobody's leave.
    #[must_use]
    pub const fn at(place: StoreLocation, key: Key) -> Self {
        Self { place, key, entra: None, aws: Vec::new() }
    }
}

/// Where a directory is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreLocation {
    /// `memory:`: in this process, and gone with it.
    Memory,
    /// `file:///…`: in a folder on this machine, for any number of processes.
    Files(PathBuf),
    /// `https://<account>.blob.core.windows.net/<container>[/<prefix>]`: in Azure Blob Storage.
    Blob {
        /// The storage account.
        account: String,
        /// The address of its blobs.
        endpoint: String,
        /// The container, which must be there.
        container: String,
        /// What names begin with; empty for nothing.
        prefix: String,
        /// It is Azurite on this machine, which knows one account and its key.
        emulated: bool,
    },
    /// `s3://<bucket>[/<prefix>]`: in Amazon S3 or its like.
    S3 {
        /// The bucket, which must be there.
        bucket: String,
        /// What names begin with; empty for nothing.
        prefix: String,
    },
}

/// A text that names no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidStoreLocation {
    /// None of the kinds there are.
    #[error(
        "is none of https://<account>.blob.core.windows.net/<container>, s3://<bucket>, file:///<folder> and memory:"
    )]
    Unknown,
    /// A URL with parts that would go unread, or that hold a secret.
    #[error("has a user, a query or a fragment, which mean nothing there; access is by managed identity or role")]
    Decorated,
    /// Records would go over the network in the clear.
    #[error("is plain http; only Azurite on this machine may be")]
    PlainHttp,
    /// Nothing is said of the container.
    #[error("names no container: https://<account>.blob.core.windows.net/<container>")]
    NoContainer,
    /// Nothing is said of the bucket.
    #[error("names no bucket: s3://<bucket>")]
    NoBucket,
    /// A path on another machine, or none.
    #[error("is not the URL of a folder on this machine: file:///<folder>")]
    NoFolder,
}

impl FromStr for StoreLocation {
    type Err = InvalidStoreLocation;

    fn from_str(text: &str) -> Result<Self, InvalidStoreLocation> {
        if text == "memory:" {
            return Ok(Self::Memory);
        }
        let url = Url::parse(text).map_err(|_| InvalidStoreLocation::Unknown)?;
        let bare = url.username().is_empty() && url.password().is_none();
        if !bare || url.query().is_some() || url.fragment().is_some() {
            return Err(InvalidStoreLocation::Decorated);
        }
        match url.scheme() {
            "file" => url.to_file_path().map(Self::Files).map_err(|()| InvalidStoreLocation::NoFolder),
            "s3" => {
                let bucket =
                    url.host_str().filter(|bucket| !bucket.is_empty()).ok_or(InvalidStoreLocation::NoBucket)?;
                Ok(Self::S3 { bucket: bucket.to_owned(), prefix: url.path().trim_matches('/').to_owned() })
            }
            "https" | "http" => blob(&url),
            _ => Err(InvalidStoreLocation::Unknown),
        }
    }
}

fn blob(url: &Url) -> Result<StoreLocation, InvalidStoreLocation> {
    let host = url.host_str().ok_or(InvalidStoreLocation::Unknown)?;
    let emulated = is_loopback(url);
    if url.scheme() == "http" && !emulated {
        return Err(InvalidStoreLocation::PlainHttp);
    }
    let mut path = url.path().trim_matches('/');
    let mut endpoint = url.origin().ascii_serialization();
    let account = if emulated {
        // Azurite has the account in the path, as no name resolves to it.
        let (account, rest) = path.split_once('/').ok_or(InvalidStoreLocation::NoContainer)?;
        path = rest;
        endpoint = format!("{endpoint}/{account}");
        account
    } else {
        // In China and for the US government the rest of the name differs.
        host.split_once(".blob.").map(|(account, _)| account).ok_or(InvalidStoreLocation::Unknown)?
    };
    let (container, prefix) = path.split_once('/').unwrap_or((path, ""));
    if container.is_empty() {
        return Err(InvalidStoreLocation::NoContainer);
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
    fn reads_each_kind() {
        let azure = "https://contoso.blob.core.windows.net";
        let s3 = |prefix: &str| StoreLocation::S3 { bucket: "users".to_owned(), prefix: prefix.to_owned() };
        for (text, place) in [
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
            assert_eq!(text.parse(), Ok(place), "{text}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn reads_a_folder() {
        assert_eq!("file:///var/lib/users".parse(), Ok(StoreLocation::Files("/var/lib/users".into())));
    }

    #[test]
    fn says_what_is_wrong() {
        for (text, error) in [
            ("", InvalidStoreLocation::Unknown),
            ("users", InvalidStoreLocation::Unknown),
            ("memory", InvalidStoreLocation::Unknown),
            ("acs-custom-id", InvalidStoreLocation::Unknown),
            ("ftp://contoso/users", InvalidStoreLocation::Unknown),
            ("https://contoso.com/users", InvalidStoreLocation::Unknown),
            ("http://contoso.blob.core.windows.net/users", InvalidStoreLocation::PlainHttp),
            ("https://contoso.blob.core.windows.net/", InvalidStoreLocation::NoContainer),
            ("https://contoso.blob.core.windows.net/users?sv=1&sig=secret", InvalidStoreLocation::Decorated),
            ("https://me:secret@contoso.blob.core.windows.net/users", InvalidStoreLocation::Decorated),
            ("http://127.0.0.1:10000/devstoreaccount1", InvalidStoreLocation::NoContainer),
            ("s3://", InvalidStoreLocation::NoBucket),
            ("file://server/users", InvalidStoreLocation::NoFolder),
        ] {
            assert_eq!(text.parse::<StoreLocation>(), Err(error), "{text}");
        }
    }
}
