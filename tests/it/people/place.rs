//! The places where a directory may be: always a folder, and those remote ones that the environment names.

use std::{ffi::OsString, path::PathBuf};

use acs_tokens::directory::{Key, Place, Settings};
use tempfile::TempDir;
use uuid::Uuid;

use super::relay::Relay;

/// A container of Azurite: `http://127.0.0.1:<port>/devstoreaccount1/<container>`.
const BLOB: &str = "ACS_TOKENS_TEST_BLOB";

/// A bucket of a server that speaks S3: `http://127.0.0.1:<port>/<bucket>`.
const S3: &str = "ACS_TOKENS_TEST_S3";

/// An empty directory in some place.
pub(crate) struct Home {
    /// What it is, for who reads the test's output.
    pub(crate) kind: &'static str,
    pub(crate) settings: Settings,
    /// What counts accesses to a remote one.
    pub(crate) relay: Option<Relay>,
    /// Where it is on this machine.
    pub(crate) folder: Option<TempDir>,
}

impl Home {
    pub(crate) fn files() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings::at(Place::Files(folder.path().to_owned()), Key::random());
        Self { kind: "a folder", settings, relay: None, folder: Some(folder) }
    }

    /// In every place, and says so: whoever named a remote one has to see that it was used.
    #[allow(clippy::print_stdout, reason = "tests/stores/run reads it")]
    pub(crate) async fn each(test: &str) -> Vec<Self> {
        let mut homes = vec![Self::files()];
        if let Some(container) = setting(BLOB) {
            homes.push(Self::blob(&container, test).await);
        }
        if let Some(bucket) = setting(S3) {
            homes.push(Self::s3(&bucket, test).await);
        }
        for home in &homes {
            println!("{test}: in {}", home.kind);
        }
        homes
    }

    /// At ACS, as custom ids.
    pub(crate) fn custom_ids() -> Self {
        let settings = Settings::at(Place::CustomIds, Key::random());
        Self { kind: "ACS", settings, relay: None, folder: None }
    }

    /// In every place and at ACS.
    pub(crate) async fn all(test: &str) -> Vec<Self> {
        let mut homes = Self::each(test).await;
        homes.push(Self::custom_ids());
        homes
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

    async fn blob(container: &str, test: &str) -> Self {
        let (relay, path) = relay(container).await;
        let place = format!("{}{path}/{}", relay.url, within(test));
        let settings = Settings::at(place.parse().unwrap(), Key::random());
        Self { kind: "Azure Blob Storage", settings, relay: Some(relay), folder: None }
    }

    async fn s3(bucket: &str, test: &str) -> Self {
        let (relay, path) = relay(bucket).await;
        let place = format!("s3:/{path}/{}", within(test));
        let aws = vec![
            ("AWS_ENDPOINT_URL_S3", relay.url.clone()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", "anybody".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "anything".to_owned()),
        ];
        let settings = Settings { aws, ..Settings::at(place.parse().unwrap(), Key::random()) };
        Self { kind: "Amazon S3", settings, relay: Some(relay), folder: None }
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
