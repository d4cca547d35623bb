//! `acs-tokens directory`: what `export` and `show` print, and what the other commands change.

mod block;
mod errors;
mod import;
mod rekey;
mod repair;
mod revoke;

use std::{fs, path::PathBuf};

use acs_identity::{
    ConnectionString, IdentityClient,
    types::{Scope, TokenRequest},
};
use acs_tokens::{
    acs_client::AcsSettings,
    auth::Subject,
    directory::{Directory, DirectorySettings, Error, Issued, RecordName, StoreLocation, UserId},
    short_hash::short_hash,
};
use jiff::Timestamp;
use reqwest::Url;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;
use tokio_util::task::TaskTracker;

use crate::{
    harness::Api,
    process::{cli, run},
};

const KEY: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
const TENANT: &str = "11111111-2222-4333-8444-555555555555";
const ALICE: &str = "aaaaaaaa-2222-4333-8444-555555555555";
const ISSUER: &str = "https://login.contoso.example";
const SUMMARY: &str = "1 active, 0 blocked, 1 deleting, 1 deleted, 0 unreadable\n";

/// `alice` is a user of Microsoft Entra, all others are users of another issuer.
fn user(subject: &str) -> UserId {
    let subject = if subject == "alice" { Subject::entra(TENANT, ALICE) } else { Subject::oidc(ISSUER, subject) };
    UserId::from(*subject.hash())
}

fn name(subject: &str) -> String {
    RecordName::new(&KEY.parse().unwrap(), user(subject)).to_string()
}

fn open(folder: &TempDir, acs: &IdentityClient) -> Directory {
    let location = StoreLocation::Files(folder.path().to_owned());
    Directory::open(&DirectorySettings::at(location, KEY.parse().unwrap()), acs.clone(), TaskTracker::new()).unwrap()
}

/// A directory in a folder, as the service writes it, and an ACS emulator.
struct Fixture {
    api: Api,
    folder: TempDir,
    acs: IdentityClient,
    directory: Directory,
}

impl Fixture {
    async fn new() -> Self {
        let (api, folder) = (Api::direct().await, tempfile::tempdir().unwrap());
        let acs = AcsSettings::from(api.connection_string().parse::<ConnectionString>().unwrap()).client().unwrap();
        let directory = open(&folder, &acs);
        Self { api, folder, acs, directory }
    }

    /// Returns the directory as a new process has it: with an empty cache.
    fn reopened(&self) -> Directory {
        open(&self.folder, &self.acs)
    }

    /// Alice is active, Bob's deletion was interrupted, Carol was deleted. Returns the identities of Alice and Bob.
    async fn with_three_users() -> (Self, [String; 2]) {
        let fixture = Self::new().await;
        let ids = [fixture.token("alice").await, fixture.token("bob").await];
        fixture.interrupt_deletion("bob").await;
        fixture.token("carol").await;
        fixture.delete("carol").await;
        (fixture, ids)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let (url, acs) = (Url::from_file_path(self.folder.path()).unwrap(), self.api.connection_string());
        let environment = [
            ("USER_DIRECTORY", url.as_str()),
            ("USER_DIRECTORY_KEY", KEY),
            ("COMMUNICATION_SERVICES_CONNECTION_STRING", &*acs),
        ];
        // The others need no credential for ACS.
        let calls_acs = ["repair", "block", "revoke"].contains(&arguments[0]);
        let settings = if calls_acs { &environment[..] } else { &environment[..2] };
        cli(&[&["directory"], arguments].concat(), settings)
    }

    async fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        run(self.command(arguments)).await
    }

    /// Issues a token and returns the identity.
    async fn token(&self, subject: &str) -> String {
        self.try_token(subject).await.unwrap().id.as_str().to_owned()
    }

    async fn try_token(&self, subject: &str) -> Result<Issued, Error> {
        let request = TokenRequest::new(vec![Scope::Chat], None).unwrap();
        self.directory.issue_token(user(subject), &request).await
    }

    async fn delete(&self, subject: &str) {
        assert!(self.directory.delete_user(user(subject)).await.unwrap());
    }

    /// Starts a deletion, which fails before ACS deletes the identity.
    async fn interrupt_deletion(&self, subject: &str) {
        self.fail_next("delete-identity").await;
        self.directory.delete_user(user(subject)).await.unwrap_err();
    }

    async fn fail_next(&self, operation: &str) {
        let body = r#"{"error":{"code":"Denied","message":""}}"#;
        let fault = json!({"operation": operation, "answer": {"status": 403, "body": body}});
        self.api.control("POST", "faults", Some(fault)).await;
    }

    /// Returns a record without the encrypted user, which differs in each write.
    fn content(&self, subject: &str) -> Value {
        let mut record: Value = serde_json::from_slice(&fs::read(self.record(subject)).unwrap()).unwrap();
        record.as_object_mut().unwrap().remove("user");
        record
    }

    fn record(&self, subject: &str) -> PathBuf {
        self.folder.path().join(format!("{}.json", name(subject)))
    }
}

/// Removes the third column of a table and asserts that it is a time.
fn without_time(line: &str) -> Vec<String> {
    let mut columns: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    columns.remove(2).parse::<Timestamp>().unwrap();
    columns
}

#[tokio::test]
async fn export_prints_a_table_sorted_by_name() {
    let (fixture, [alice, bob]) = Fixture::with_three_users().await;
    // Other names and subfolders are skipped.
    fs::write(fixture.folder.path().join("notes.json"), "{}").unwrap();
    fs::create_dir(fixture.folder.path().join("copies")).unwrap();
    fs::write(fixture.folder.path().join(format!("copies/{}.json", name("alice"))), "{}").unwrap();

    for (arguments, [alice, bob]) in [
        (&["export"][..], [short_hash(&alice), short_hash(&bob)]),
        (&["export", "--output", "table", "--ids"], [alice.clone(), bob.clone()]),
    ] {
        let (code, stdout, stderr) = fixture.run(arguments).await;
        assert_eq!((code, &*stderr), (0, SUMMARY));
        let mut expected = [
            [name("alice"), "active".to_owned(), alice],
            [name("bob"), "deleting".to_owned(), bob],
            [name("carol"), "deleted".to_owned(), "-".to_owned()],
        ];
        expected.sort_unstable();
        assert_eq!(stdout.lines().map(without_time).collect::<Vec<_>>(), expected);
        let aligned = stdout.lines().all(|line| [64, 74, 96].iter().all(|at| &line[*at..at + 2] == "  "));
        assert!(aligned, "{stdout}");
    }
}

#[tokio::test]
async fn export_succeeds_if_stdout_is_closed() {
    let (fixture, _) = Fixture::with_three_users().await;
    for output in ["table", "jsonl"] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = fixture.command(&["export", "--output", output]);
        let output = command.stdout(writer).stderr(std::process::Stdio::piped()).spawn().unwrap();
        let output = output.wait_with_output().await.unwrap();
        assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
    }
}

#[tokio::test]
async fn show_finds_a_user_by_claims_or_name() {
    let (fixture, [id, _]) = Fixture::with_three_users().await;
    let (alice, upper) = (name("alice"), ALICE.to_ascii_uppercase());
    let active = format!("name      {alice}\nstate     active\nidentity  {}", short_hash(&id));
    for (arguments, expected) in [
        (&["--tenant", TENANT, "--object", ALICE][..], active.clone()),
        (&["--tenant", TENANT, "--object", &upper], active.clone()),
        (&["--name", &alice], active.clone()),
        (&["--name", &alice, "--ids"], format!("{active}\nid        {id}")),
        (&["--issuer", ISSUER, "--subject", "carol"], format!("name      {}\nstate     deleted", name("carol"))),
    ] {
        let (code, stdout, stderr) = fixture.run(&[&["show"], arguments].concat()).await;
        let (shown, written) = stdout.rsplit_once("\nwritten   ").unwrap();
        assert_eq!((code, shown, &*stderr), (0, &*expected, ""));
        assert!(written.trim().parse::<Timestamp>().is_ok(), "{written}");
    }
    let unknown = fixture.run(&["show", "--issuer", ISSUER, "--subject", "Carol"]).await;
    assert_eq!(unknown, (1, String::new(), format!("error: the user has no record {}\n", name("Carol"))));
}

#[tokio::test]
async fn export_writes_json_lines_to_a_file_only_if_all_records_are_readable() {
    let (fixture, [alice, bob]) = Fixture::with_three_users().await;
    let (code, stdout, stderr) = fixture.run(&["export", "--output", "jsonl"]).await;
    assert_eq!((code, &*stderr, stdout.lines().count()), (0, SUMMARY, 3));
    for (subject, state, identity) in
        [("alice", "active", json!(alice)), ("bob", "deleting", json!(bob)), ("carol", "deleted", Value::Null)]
    {
        let name = name(subject);
        let line = stdout.lines().find(|line| line.contains(&name)).unwrap();
        let start = format!(r#"{{"name":"{name}","state":"{state}","identity":{identity},"writtenAt":""#);
        let (written_at, record) = line.strip_prefix(&start).unwrap().split_once("\",\"record\":").unwrap();
        assert!(written_at.parse::<Timestamp>().is_ok(), "{written_at}");
        assert_eq!(record.strip_suffix('}').unwrap(), fs::read_to_string(fixture.record(subject)).unwrap());
    }

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("users.jsonl");
    let path = file.to_str().unwrap();
    let export = ["export", "-o", "jsonl", "-f", path];
    assert_eq!(fixture.run(&export).await, (0, String::new(), SUMMARY.to_owned()));
    assert_eq!(fs::read_to_string(&file).unwrap(), stdout);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }

    fs::write(fixture.record("bob"), "not a record").unwrap();
    let expected = format!(
        "{} failed: the object is not a record of a user directory\n\
         1 active, 0 blocked, 0 deleting, 1 deleted, 1 unreadable\n\
         error: cannot write {path}: failed records: 1\n",
        name("bob")
    );
    assert_eq!(fixture.run(&export).await, (1, String::new(), expected));
    assert_eq!(fs::read_to_string(&file).unwrap(), stdout, "the earlier export stays");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file is left");
    let (code, stdout, _) = fixture.run(&["export"]).await;
    assert_eq!((code, stdout.lines().count()), (1, 2), "the other records are printed");
}
