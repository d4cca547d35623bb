//! The places where a directory may be: always a folder, and those remote ones that the environment names.

use std::{ffi::OsString, fs::File, path::PathBuf, time::Duration};

use acs_tokens::directory::DirectorySettings;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::Url;
use tempfile::TempDir;
use uuid::Uuid;

use super::relay::{At, Hold, Relay};

/// A container of Azurite: `http://127.0.0.1:<port>/devstoreaccount1/<container>`.
const BLOB: &str = "ACS_TOKENS_TEST_BLOB";

/// A bucket of a server that speaks S3: `http://127.0.0.1:<port>/<bucket>`.
const S3: &str = "ACS_TOKENS_TEST_S3";

/// An empty directory in some place.
pub(crate) struct Location {
    /// What it is, for who reads the test's output.
    kind: &'static str,
    pub(crate) settings: DirectorySettings,
    /// The settings as a program is given them.
    environment: Vec<(&'static str, String)>,
    /// What counts accesses to a remote one.
    pub(crate) relay: Option<Relay>,
    /// Where it is on this machine.
    pub(crate) folder: Option<TempDir>,
}

/// Writes that do not come about, until it is ended.
pub(crate) enum Standstill {
    /// Writers wait for their turn.
    Folder(File, PathBuf),
    /// Writers wait for an answer.
    Remote(Hold),
}

impl Location {
    fn new(kind: &'static str, place: &str, aws: Vec<(&'static str, String)>) -> Self {
        let key = STANDARD.encode([Uuid::new_v4(), Uuid::new_v4()].map(Uuid::into_bytes).concat());
        let settings = DirectorySettings {
            aws: aws.clone(),
            ..DirectorySettings::at(place.parse().unwrap(), key.parse().unwrap())
        };
        let mut environment = vec![("USER_DIRECTORY", place.to_owned()), ("USER_DIRECTORY_KEY", key)];
        environment.extend(aws);
        Self { kind, settings, environment, relay: None, folder: None }
    }

    pub(crate) fn files() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = Url::from_file_path(folder.path()).unwrap();
        Self { folder: Some(folder), ..Self::new("a folder", place.as_str(), Vec::new()) }
    }

    /// In Azure Blob Storage under its real name; only a program's environment leads there.
    #[cfg(target_os = "linux")]
    #[allow(clippy::print_stdout, reason = "tests/stores/run reads it")]
    pub(crate) fn azure(storage: &str, test: &str) -> Self {
        println!("{test}: in Azure Blob Storage, by managed identity");
        Self::new("Azure Blob Storage", &format!("https://{storage}/users/{}", within(test)), Vec::new())
    }

    async fn blob(container: &str, test: &str) -> Self {
        let (relay, path) = relay(container).await;
        let place = format!("{}{path}/{}", relay.url, within(test));
        Self { relay: Some(relay), ..Self::new("Azure Blob Storage", &place, Vec::new()) }
    }

    async fn s3(bucket: &str, test: &str) -> Self {
        let (relay, path) = relay(bucket).await;
        let aws = vec![
            ("AWS_ENDPOINT_URL_S3", relay.url.clone()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", "anybody".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "anything".to_owned()),
        ];
        Self { relay: Some(relay), ..Self::new("Amazon S3", &format!("s3:/{path}/{}", within(test)), aws) }
    }

    /// In every place, and says so: whoever named a remote one has to see that it was used.
    #[allow(clippy::print_stdout, reason = "tests/stores/run reads it")]
    pub(crate) async fn each(test: &str) -> Vec<Self> {
        let mut locations = vec![Self::files()];
        if let Some(container) = setting(BLOB) {
            locations.push(Self::blob(&container, test).await);
        }
        if let Some(bucket) = setting(S3) {
            locations.push(Self::s3(&bucket, test).await);
        }
        for location in &locations {
            println!("{test}: in {}", location.kind);
        }
        locations
    }

    /// The settings for a program.
    pub(crate) fn environment(&self) -> Vec<(&str, &str)> {
        self.environment.iter().map(|(name, value)| (*name, &**value)).collect()
    }

    /// How often a remote one was asked for anything.
    pub(crate) fn accesses(&self) -> usize {
        self.relay.as_ref().map_or(0, |relay| relay.seen(|_| true))
    }

    /// Puts a folder where nobody finds it.
    pub(crate) fn take_away(&self) -> Option<PathBuf> {
        let folder = self.folder.as_ref()?.path();
        let away = folder.with_extension("away");
        std::fs::rename(folder, &away).unwrap();
        Some(away)
    }

    pub(crate) fn bring_back(&self, away: Option<PathBuf>) {
        if let (Some(folder), Some(away)) = (&self.folder, away) {
            std::fs::rename(away, folder.path()).unwrap();
        }
    }

    /// Lets no write come about from now on.
    pub(crate) fn stand_still(&self) -> Standstill {
        match (&self.folder, &self.relay) {
            (Some(folder), _) => {
                let path = folder.path().join("lock");
                let file = File::options().create(true).truncate(false).write(true).open(&path).unwrap();
                fs4::FileExt::lock(&file).unwrap();
                Standstill::Folder(file, path)
            }
            (None, Some(relay)) => Standstill::Remote(relay.hold(At::Request, |line| line.starts_with("PUT "))),
            (None, None) => panic!("nobody knows how to delay its writes"),
        }
    }
}

impl Standstill {
    /// Waits until a process is about to write. Only Linux tells which files a process has open.
    pub(crate) async fn reached_by(&self, process: u32) {
        match self {
            Self::Folder(_, path) if cfg!(target_os = "linux") => {
                let path = path.canonicalize().unwrap();
                let has_it_open = || {
                    let files = std::fs::read_dir(format!("/proc/{process}/fd")).unwrap();
                    files.flatten().any(|file| std::fs::read_link(file.path()).is_ok_and(|open| open == path))
                };
                while !has_it_open() {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            }
            Self::Folder(..) => {}
            Self::Remote(hold) => hold.reached(1).await,
        }
    }

    /// Writes come about, those that waited too.
    pub(crate) fn let_go(self) {
        match self {
            Self::Folder(file, _) => fs4::FileExt::unlock(&file).unwrap(),
            Self::Remote(hold) => hold.let_go(),
        }
    }

    /// Writes come about again. Those that waited at a remote place never do.
    pub(crate) fn end(self) {
        match self {
            Self::Folder(..) => self.let_go(),
            Self::Remote(hold) => hold.cut(),
        }
    }
}

/// A relay in front of the server of a URL, and the URL's path.
async fn relay(url: &str) -> (Relay, &str) {
    let (server, path) = url.split_at("http://".len() + url["http://".len()..].find('/').unwrap());
    (Relay::to(server).await, path)
}

/// A place in the store that no other test and no other run has.
fn within(test: &str) -> String {
    format!("{test}/{}", Uuid::new_v4())
}

fn setting(name: &str) -> Option<String> {
    std::env::var_os(name).map(OsString::into_string).transpose().unwrap()
}
