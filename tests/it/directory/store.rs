//! The stores under test: always a folder, and the remote stores that the environment names.

use std::{collections::BTreeMap, ffi::OsString, fs::File, path::PathBuf};

use acs_tokens::directory::DirectorySettings;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::Url;
use tempfile::TempDir;
use uuid::Uuid;

use super::{
    relay::{At, Hold, Relay},
    stand_in::StandIn,
};
use crate::process::until;

/// A container of Azurite: `http://127.0.0.1:<port>/devstoreaccount1/<container>`.
const BLOB: &str = "ACS_TOKENS_TEST_BLOB";

/// A bucket of an S3-compatible server: `http://127.0.0.1:<port>/<bucket>`.
const S3: &str = "ACS_TOKENS_TEST_S3";

/// An empty store.
pub(crate) struct TestStore {
    pub(crate) settings: DirectorySettings,
    environment: Vec<(&'static str, String)>,
    /// The relay in front of a remote store.
    pub(crate) relay: Option<Relay>,
    folder: Option<TempDir>,
}

/// Blocks writes to a store.
pub(crate) enum WriteBlock {
    /// Writers wait for the lock.
    Folder(File, PathBuf),
    /// Writers wait for an answer.
    Remote(Hold),
}

impl TestStore {
    fn new(location: &str, aws: Vec<(&'static str, String)>) -> Self {
        let key = STANDARD.encode([Uuid::new_v4(), Uuid::new_v4()].map(Uuid::into_bytes).concat());
        let settings = DirectorySettings::at(location.parse().unwrap(), key.parse().unwrap());
        let mut environment = vec![("USER_DIRECTORY", location.to_owned()), ("USER_DIRECTORY_KEY", key)];
        environment.extend(aws.iter().cloned());
        let aws = aws.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self { settings: DirectorySettings { aws, ..settings }, environment, relay: None, folder: None }
    }

    /// Returns a folder.
    pub(crate) fn folder() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let location = Url::from_file_path(folder.path()).unwrap();
        Self { folder: Some(folder), ..Self::new(location.as_str(), Vec::new()) }
    }

    /// Returns the key.
    pub(crate) fn key(&self) -> &str {
        &self.environment[1].1
    }

    /// Returns the paths and the contents of the records in a folder.
    pub(crate) fn records(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let entries = std::fs::read_dir(self.folder.as_ref().unwrap().path()).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some());
        paths.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
    }

    /// Replaces the content of each record in a folder.
    pub(crate) fn overwrite_records(&self, content: &[u8]) {
        for path in self.records().into_keys() {
            std::fs::write(path, content).unwrap();
        }
    }

    /// Restores records of a folder as they were.
    pub(crate) fn restore_records(records: &BTreeMap<PathBuf, Vec<u8>>) {
        for (path, content) in records {
            std::fs::write(path, content).unwrap();
        }
    }

    /// Returns the names of all files of a folder.
    #[cfg(target_os = "linux")]
    pub(crate) fn files(&self) -> Vec<OsString> {
        let entries = std::fs::read_dir(self.folder.as_ref().unwrap().path()).unwrap();
        entries.map(|entry| entry.unwrap().file_name()).collect()
    }

    /// Returns each kind of store.
    pub(crate) async fn each() -> Vec<Self> {
        let mut stores = vec![Self::folder()];
        if let Some(container) = environment(BLOB) {
            let (relay, path) = relay(&container).await;
            let location = format!("{}{path}/{}", relay.url, prefix("Azure Blob Storage"));
            stores.push(Self { relay: Some(relay), ..Self::new(&location, Vec::new()) });
        }
        if let Some(bucket) = environment(S3) {
            let (relay, path) = relay(&bucket).await;
            let location = format!("s3:/{path}/{}", prefix("Amazon S3"));
            let aws = aws(relay.url.clone());
            stores.push(Self { relay: Some(relay), ..Self::new(&location, aws) });
        }
        stores
    }

    /// Returns a store in Azure Blob Storage under its real host name, which only a child process can be given.
    #[cfg(target_os = "linux")]
    pub(crate) fn azure(host: &str) -> Self {
        Self::new(&format!("https://{host}/users/{}", prefix("Azure Blob Storage with managed identity")), Vec::new())
    }

    /// Returns the store that a stand-in answers for.
    pub(crate) fn of(stand_in: &StandIn) -> Self {
        Self::new(&stand_in.location(), aws(stand_in.url.clone()))
    }

    /// Returns the store that a stand-in for S3 answers for, with a region and without credentials.
    pub(crate) fn without_credentials(stand_in: &StandIn) -> Self {
        Self::new(&stand_in.location(), aws(stand_in.url.clone()).into_iter().take(2).collect())
    }

    /// Returns the settings for a child process.
    pub(crate) fn environment(&self) -> Vec<(&str, &str)> {
        self.environment.iter().map(|(name, value)| (*name, &**value)).collect()
    }

    /// Returns the number of requests to a remote store.
    pub(crate) fn requests(&self) -> usize {
        self.relay.as_ref().map_or(0, |relay| relay.count(|_| true))
    }

    /// Renames a folder, so that access fails. Returns `false` if the store is remote.
    pub(crate) fn hide(&self) -> bool {
        self.folder.as_ref().is_some_and(|folder| std::fs::rename(folder.path(), hidden(folder)).is_ok())
    }

    pub(crate) fn restore(&self) {
        if let Some(folder) = &self.folder {
            std::fs::rename(hidden(folder), folder.path()).unwrap();
        }
    }

    pub(crate) fn block_writes(&self) -> WriteBlock {
        match (&self.folder, &self.relay) {
            (Some(folder), _) => {
                let path = folder.path().join("lock");
                let file = File::options().create(true).truncate(false).write(true).open(&path).unwrap();
                fs4::FileExt::lock(&file).unwrap();
                WriteBlock::Folder(file, path)
            }
            (None, Some(relay)) => WriteBlock::Remote(relay.hold(0, At::Request, |line| line.starts_with("PUT "))),
            (None, None) => panic!("writes to this store cannot be blocked"),
        }
    }
}

impl WriteBlock {
    /// Waits until a process is about to write. For a folder this works on Linux only, which lists open files.
    pub(crate) async fn wait_for(&self, process: u32) {
        match self {
            Self::Folder(_, path) if cfg!(target_os = "linux") => {
                let path = path.canonicalize().unwrap();
                until("the write of the process", async || {
                    let files = std::fs::read_dir(format!("/proc/{process}/fd")).unwrap();
                    files.flatten().any(|file| std::fs::read_link(file.path()).is_ok_and(|open| open == path))
                })
                .await;
            }
            Self::Folder(..) => {}
            Self::Remote(hold) => hold.reached(1).await,
        }
    }

    /// Completes the blocked writes and permits later ones.
    pub(crate) fn release(self) {
        match self {
            Self::Folder(file, _) => fs4::FileExt::unlock(&file).unwrap(),
            Self::Remote(hold) => hold.release(),
        }
    }

    /// Discards the blocked writes of a remote store and permits later ones.
    pub(crate) fn discard(self) {
        match self {
            Self::Folder(..) => self.release(),
            Self::Remote(hold) => hold.discard(),
        }
    }
}

/// Returns the settings of an S3-compatible server.
fn aws(endpoint: String) -> Vec<(&'static str, String)> {
    let any = [("AWS_REGION", "us-east-1"), ("AWS_ACCESS_KEY_ID", "any"), ("AWS_SECRET_ACCESS_KEY", "any")];
    let any = any.map(|(name, value)| (name, value.to_owned()));
    [("AWS_ENDPOINT_URL_S3", endpoint)].into_iter().chain(any).collect()
}

fn hidden(folder: &TempDir) -> PathBuf {
    folder.path().with_extension("hidden")
}

/// Starts a relay in front of the URL's server. Returns it with the URL's path.
async fn relay(url: &str) -> (Relay, &str) {
    let (server, path) = url.split_at("http://".len() + url["http://".len()..].find('/').unwrap());
    (Relay::to(server).await, path)
}

/// Returns an unused prefix, and prints which test uses which kind of store.
#[allow(clippy::print_stdout, reason = "tests/stores/run reads it")]
fn prefix(kind: &str) -> String {
    // The test harness names threads after tests.
    let thread = std::thread::current();
    let test = thread.name().and_then(|name| name.rsplit("::").next()).unwrap().to_owned();
    println!("{test}: in {kind}");
    format!("{test}/{}", Uuid::new_v4())
}

pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var_os(name).map(OsString::into_string).transpose().unwrap()
}
