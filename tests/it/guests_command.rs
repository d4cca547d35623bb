//! `acs-tokens guests sweep`: what it deletes and prints, and that it can be repeated.

use acs_identity::{
    ConnectionString,
    types::{Scope, TokenLifetime, TokenRequest},
};
use acs_tokens::{
    acs_client::AcsSettings,
    directory::{Directory, DirectorySettings, StoreLocation},
    guest_pass::PassClaims,
};
use jiff::{SignedDuration, Timestamp};
use reqwest::Url;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::task::TaskTracker;

use crate::{
    harness::Api,
    process::{cli, run, until},
};

const KEY: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

/// A directory in a folder, as the service writes it, and an ACS emulator.
struct Fixture {
    api: Api,
    folder: TempDir,
    directory: Directory,
}

impl Fixture {
    /// Creates a fixture with a guest whose time is not over.
    async fn new() -> Self {
        let (api, folder) = (Api::direct().await, tempfile::tempdir().unwrap());
        let acs = AcsSettings::from(api.connection_string().parse::<ConnectionString>().unwrap()).client().unwrap();
        let settings = DirectorySettings::at(StoreLocation::Files(folder.path().to_owned()), KEY.parse().unwrap());
        let tasks = TaskTracker::new();
        let fixture = Self { api, folder, directory: Directory::open(&settings, acs, tasks.clone()).unwrap() };
        fixture.use_pass(1).await;
        // The sweep of this call finds nothing, and later calls of this hour do not sweep.
        until("the end of the sweep", async || tasks.is_empty()).await;
        fixture
    }

    /// Uses a pass that expires after this time, or has expired.
    async fn use_pass(&self, hours: i64) {
        let expires = Timestamp::now() + SignedDuration::from_hours(hours);
        let claims = PassClaims { scopes: vec![Scope::VoipJoin], lifetime: TokenLifetime::MIN, uses: 1, expires };
        let pass = self.directory.pass_keys().issue(claims).unwrap();
        let request = TokenRequest::new(vec![Scope::VoipJoin], None).unwrap();
        self.directory.issue_guest_token(&pass, None, &request).await.unwrap();
    }

    /// Runs `guests sweep`. Asserts that stderr begins with the ACS resource, and returns the exit code, stdout and the rest
    /// of stderr.
    async fn sweep(&self, arguments: &[&str]) -> (i32, String, String) {
        let (url, acs) = (Url::from_file_path(self.folder.path()).unwrap(), self.api.connection_string());
        let environment = [
            ("USER_DIRECTORY", url.as_str()),
            // Any key: the sweep looks for no user.
            ("USER_DIRECTORY_KEY", "b3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgb3Q="),
            ("COMMUNICATION_SERVICES_CONNECTION_STRING", &*acs),
        ];
        let (code, stdout, stderr) = run(cli(&[&["guests", "sweep"], arguments].concat(), &environment)).await;
        let first = format!("ACS at {}\n", acs.split(';').next().unwrap().strip_prefix("endpoint=").unwrap());
        let stderr = stderr.strip_prefix(&first).unwrap_or_else(|| panic!("{stderr}")).to_owned();
        (code, stdout, stderr)
    }

    async fn assert_swept(&self, [deleted, removed]: [usize; 2]) {
        let (code, stdout, stderr) = self.sweep(&["--output", "json"]).await;
        let report: Value = serde_json::from_str(&stdout).unwrap();
        assert_eq!((code, &*stderr), (0, ""));
        assert_eq!(report, json!({ "deleted": deleted, "removed": removed, "gone": 0, "failed": 0 }));
    }

    /// Returns the number of identities at ACS.
    async fn identities(&self) -> usize {
        let state = self.api.control("GET", "state", None).await;
        state["identities"].as_array().unwrap().iter().filter(|identity| identity["deletedAt"].is_null()).count()
    }

    /// Returns the number of folders of hours.
    fn hours(&self) -> usize {
        std::fs::read_dir(self.folder.path().join("guests")).unwrap().count()
    }
}

#[tokio::test]
async fn guests_whose_time_is_over_are_deleted() {
    let fixture = Fixture::new().await;
    for hours in [-3, -3, -30] {
        fixture.use_pass(hours).await;
    }
    assert_eq!((fixture.identities().await, fixture.hours()), (4, 3));
    let table = "\
deleted            3  the identity was deleted, and the record was removed
removed            0  the record had no identity
gone               0  another sweep has removed the record
failed             0  the record remains; run sweep again
";
    assert_eq!(fixture.sweep(&[]).await, (0, table.to_owned(), String::new()));
    // The guest whose time is not over stays, and an empty folder does not.
    assert_eq!((fixture.identities().await, fixture.hours()), (1, 1));
    fixture.assert_swept([0, 0]).await;
}

#[tokio::test]
async fn failed_record_remains_and_does_not_stop_the_others() {
    let fixture = Fixture::new().await;
    for _ in 0..3 {
        fixture.use_pass(-3).await;
    }
    let body = r#"{"error":{"code":"Denied","message":""}}"#;
    let fault = json!({ "operation": "delete-identity", "answer": { "status": 403, "body": body } });
    fixture.api.control("POST", "faults", Some(fault)).await;
    let (code, stdout, stderr) = fixture.sweep(&[]).await;
    assert_eq!(code, 1);
    assert!(stdout.starts_with("deleted            2") && stdout.contains("\nfailed             1"), "{stdout}");
    assert!(stderr.starts_with("guests/") && stderr.ends_with("error: failed records: 1\n"), "{stderr}");
    fixture.assert_swept([1, 0]).await;
    assert_eq!(fixture.identities().await, 1);
}

#[tokio::test]
async fn directory_is_required() {
    let (code, stdout, stderr) = run(cli(&["guests", "sweep"], &[])).await;
    assert_eq!((code, &*stdout), (1, ""));
    assert!(stderr.contains("USER_DIRECTORY: is missing; set it to the location of the directory"), "{stderr}");
}
