//! Opens the store of a user directory.

use std::{path::Path as FilePath, sync::Arc, time::Duration};

use async_trait::async_trait;
use azure_core::credentials::TokenCredential as _;
#[cfg(feature = "s3")]
use http::HeaderValue;
#[cfg(feature = "s3")]
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::{
    CredentialProvider, ObjectStore, RetryConfig,
    azure::{AzureCredential, MicrosoftAzureBuilder},
    local::LocalFileSystem,
    memory::InMemory,
    path::Path,
};

use super::{DirectorySettings, StoreError, StoreLocation, http::Connector, store::RecordStore};
use crate::entra::{EntraCredential, STORAGE_SCOPE};

/// The published key of Azurite's default account.
/// <https://learn.microsoft.com/azure/storage/common/storage-use-azurite#well-known-storage-account-and-key>
const AZURITE_KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// Opens the store.
pub(super) fn open(settings: &DirectorySettings, http: &reqwest::Client) -> Result<RecordStore, StoreError> {
    let mut lock = None;
    let (objects, prefix): (Arc<dyn ObjectStore>, &str) = match &settings.location {
        StoreLocation::Memory => (Arc::new(InMemory::new()), ""),
        StoreLocation::Files(folder) => {
            create_private(folder)?;
            lock = Some(folder.join("lock"));
            // Without fsync, a power loss would take records of which the callers were told. Folders of guests' records are
            // removed with their last one.
            let files = LocalFileSystem::new_with_prefix(folder)?.with_fsync(true).with_automatic_cleanup(true);
            (Arc::new(files), "")
        }
        StoreLocation::Blob { account, endpoint, container, prefix, emulated } => {
            let blob = MicrosoftAzureBuilder::new()
                .with_account(account)
                .with_endpoint(endpoint.clone())
                .with_container_name(container)
                .with_allow_http(*emulated)
                .with_retry(retry())
                .with_http_connector(Connector::new(http, endpoint.starts_with("https:"))?);
            let blob = match &settings.entra {
                Some(source) => {
                    let entra = EntraCredential::new(source.clone(), STORAGE_SCOPE, http.clone());
                    blob.with_credentials(Arc::new(StorageCredential(entra)))
                }
                None => blob.with_access_key(AZURITE_KEY),
            };
            (Arc::new(blob.build()?), prefix)
        }
        #[cfg(feature = "s3")]
        StoreLocation::S3 { bucket, prefix } => (s3(bucket, &settings.aws, http)?, prefix),
        #[cfg(not(feature = "s3"))]
        StoreLocation::S3 { .. } => {
            let source = "this program was built without S3".into();
            return Err(object_store::Error::Generic { store: "S3", source }.into());
        }
    };
    Ok(RecordStore { objects, prefix: Path::from(prefix), lock, key: settings.key.clone() })
}

#[cfg(feature = "s3")]
fn s3(bucket: &str, settings: &[(String, String)], http: &reqwest::Client) -> Result<Arc<dyn ObjectStore>, StoreError> {
    let https = settings.iter().all(|(_, value)| !value.starts_with("http:"));
    let mut s3 = AmazonS3Builder::new().with_retry(retry()).with_http_connector(Connector::new(http, https)?);
    for (name, value) in settings {
        let key = name.to_ascii_lowercase().parse()?;
        if key == AmazonS3ConfigKey::ContainerAuthorizationTokenFile {
            check_token_file(name, value)?;
        }
        s3 = s3.with_config(key, value);
    }
    // Last, because the settings of AWS may name a bucket for other programs.
    Ok(Arc::new(s3.with_bucket_name(bucket).build()?))
}

/// Checks that the token in a file can be the value of a header. The object store panics if it is not.
#[cfg(feature = "s3")]
fn check_token_file(name: &str, path: &str) -> Result<(), StoreError> {
    match std::fs::read(path) {
        Ok(token) if HeaderValue::from_bytes(&token).is_err() => {
            let source = format!("{name}: the token in the file has a line break; write the file without one").into();
            Err(object_store::Error::Generic { store: "S3", source }.into())
        }
        // The object store reads the file when it needs the token, and reports the error.
        _ => Ok(()),
    }
}

/// Retries within the time that a caller waits.
fn retry() -> RetryConfig {
    RetryConfig { max_retries: 2, retry_timeout: Duration::from_secs(5), ..RetryConfig::default() }
}

/// Creates the folder for its owner only, and syncs the folders above it. Does not change an existing folder.
pub(crate) fn create_private(folder: &FilePath) -> std::io::Result<()> {
    let new: Vec<&FilePath> = folder.ancestors().take_while(|folder| !folder.exists()).collect();
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)?;
    for parent in new.into_iter().filter_map(FilePath::parent) {
        // A folder that may not be read cannot be synced. On Windows, no folder can be.
        if let Ok(parent) = std::fs::File::open(parent) {
            parent.sync_all()?;
        }
    }
    Ok(())
}

/// Provides Entra tokens for Azure Storage.
#[derive(Debug)]
struct StorageCredential(EntraCredential);

#[async_trait]
impl CredentialProvider for StorageCredential {
    type Credential = AzureCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AzureCredential>> {
        let token = self.0.get_token(&[STORAGE_SCOPE], None).await;
        let token = token.map_err(|error| object_store::Error::Generic { store: "Blob", source: Box::new(error) })?;
        Ok(Arc::new(AzureCredential::BearerToken(token.token.secret().to_owned())))
    }
}
