//! The places where a directory may be: always a folder, and those remote ones that the environment names.

use std::{ffi::OsString, path::PathBuf};

use acs_tokens::directory::{Key, Place, Settings};
use tempfile::TempDir;
use uuid::Uuid;

use super::relay::Relay;

/// A container of Azurite: `http://127.0.0.1:<port>/devstoreaccount1/<container>`.
const BLOB: &str = "ACS_TOKENS_TEST_BLOB";

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
    #[allow(clippy::print_stdout, reason = "tests/azurite/run reads it")]
    pub(crate) async fn each(test: &str) -> Vec<Self> {
        let mut homes = vec![Self::files()];
        if let Some(container) = setting(BLOB) {
            homes.push(Self::blob(&container, test).await);
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
        let (server, path) = container.split_at(container[7..].find('/').unwrap() + 7);
        let relay = Relay::to(server).await;
        // A folder of its own in the container.
        let place = format!("{}{path}/{test}/{}", relay.url, Uuid::new_v4());
        let settings = Settings::at(place.parse().unwrap(), Key::random());
        Self { kind: "Azure Blob Storage", settings, relay: Some(relay), folder: None }
    }
}

fn setting(name: &str) -> Option<String> {
    std::env::var_os(name).map(OsString::into_string).transpose().unwrap()
}
