//! Where a directory is, as `USER_DIRECTORY` names it.

use std::{fmt, path::PathBuf, str::FromStr};

use reqwest::Url;

use super::Key;
use crate::acs::{credential::Entra, endpoint::is_loopback};

/// What a directory needs to know.
#[derive(Clone)]
pub struct Settings {
    /// Where it is.
    pub place: Place,
    /// What users' names are hashed with.
    pub key: Key,
    /// Who this is for Azure Blob Storage.
    pub entra: Option<Entra>,
    /// What S3 needs, under the names of the AWS SDKs: `AWS_REGION` and the like.
    pub aws: Vec<(&'static str, String)>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, key, entra, aws } = self;
        // Secrets are among the values.
        let aws: Vec<&str> = aws.iter().map(|(name, _)| *name).collect();
        let mut shown = f.debug_struct("Settings");
        shown.field("place", place).field("key", key).field("entra", entra).field("aws", &aws).finish()
    }
}

impl Settings {
    /// A directory in this process's memory, which ends with it.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::at(Place::Memory, Key::random())
    }

    /// A directory that needs nobody's leave.
    #[must_use]
    pub const fn at(place: Place, key: Key) -> Self {
        Self { place, key, entra: None, aws: Vec::new() }
    }
}

/// Where a directory is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
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
pub enum InvalidPlace {
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

impl FromStr for Place {
    type Err = InvalidPlace;

    fn from_str(text: &str) -> Result<Self, InvalidPlace> {
        if text == "memory:" {
            return Ok(Self::Memory);
        }
        let url = Url::parse(text).map_err(|_| InvalidPlace::Unknown)?;
        let bare = url.username().is_empty() && url.password().is_none();
        if !bare || url.query().is_some() || url.fragment().is_some() {
            return Err(InvalidPlace::Decorated);
        }
        match url.scheme() {
            "file" => url.to_file_path().map(Self::Files).map_err(|()| InvalidPlace::NoFolder),
            "s3" => {
                let bucket = url.host_str().filter(|bucket| !bucket.is_empty()).ok_or(InvalidPlace::NoBucket)?;
                Ok(Self::S3 { bucket: bucket.to_owned(), prefix: url.path().trim_matches('/').to_owned() })
            }
            "https" | "http" => blob(&url),
            _ => Err(InvalidPlace::Unknown),
        }
    }
}

fn blob(url: &Url) -> Result<Place, InvalidPlace> {
    let host = url.host_str().ok_or(InvalidPlace::Unknown)?;
    let emulated = is_loopback(url);
    if url.scheme() == "http" && !emulated {
        return Err(InvalidPlace::PlainHttp);
    }
    let mut path = url.path().trim_matches('/');
    let mut endpoint = url.origin().ascii_serialization();
    let account = if emulated {
        // Azurite has the account in the path, as no name resolves to it.
        let (account, rest) = path.split_once('/').ok_or(InvalidPlace::NoContainer)?;
        path = rest;
        endpoint = format!("{endpoint}/{account}");
        account
    } else {
        // In China and for the US government the rest of the name differs.
        host.split_once(".blob.").map(|(account, _)| account).ok_or(InvalidPlace::Unknown)?
    };
    let (container, prefix) = path.split_once('/').unwrap_or((path, ""));
    if container.is_empty() {
        return Err(InvalidPlace::NoContainer);
    }
    Ok(Place::Blob {
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

    fn blob(endpoint: &str, container: &str, prefix: &str, emulated: bool) -> Place {
        let account = if emulated { "devstoreaccount1" } else { "contoso" };
        let [account, endpoint, container, prefix] = [account, endpoint, container, prefix].map(str::to_owned);
        Place::Blob { account, endpoint, container, prefix, emulated }
    }

    #[test]
    fn reads_each_kind() {
        let azure = "https://contoso.blob.core.windows.net";
        let s3 = |prefix: &str| Place::S3 { bucket: "users".to_owned(), prefix: prefix.to_owned() };
        for (text, place) in [
            ("memory:", Place::Memory),
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
        assert_eq!("file:///var/lib/users".parse(), Ok(Place::Files("/var/lib/users".into())));
    }

    #[test]
    fn says_what_is_wrong() {
        for (text, error) in [
            ("", InvalidPlace::Unknown),
            ("users", InvalidPlace::Unknown),
            ("memory", InvalidPlace::Unknown),
            ("acs-custom-id", InvalidPlace::Unknown),
            ("ftp://contoso/users", InvalidPlace::Unknown),
            ("https://contoso.com/users", InvalidPlace::Unknown),
            ("http://contoso.blob.core.windows.net/users", InvalidPlace::PlainHttp),
            ("https://contoso.blob.core.windows.net/", InvalidPlace::NoContainer),
            ("https://contoso.blob.core.windows.net/users?sv=1&sig=secret", InvalidPlace::Decorated),
            ("https://me:secret@contoso.blob.core.windows.net/users", InvalidPlace::Decorated),
            ("http://127.0.0.1:10000/devstoreaccount1", InvalidPlace::NoContainer),
            ("s3://", InvalidPlace::NoBucket),
            ("file://server/users", InvalidPlace::NoFolder),
        ] {
            assert_eq!(text.parse::<Place>(), Err(error), "{text}");
        }
    }
}
