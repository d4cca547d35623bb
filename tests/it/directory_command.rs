//! `acs-tokens directory`: what operators see of people's records, and what `repair` does for them.

mod refusals;
mod repair;

use std::{fs, path::PathBuf};

use acs_tokens::{
    acs::{
        Client, ClientOptions,
        connection_string::ConnectionString,
        hash::short_hash,
        types::{Scope, TokenRequest},
    },
    auth::Subject,
    directory::{self, Directory, Issued, Key, Name, StoreLocation, UserId},
};
use jiff::Timestamp;
use reqwest::Url;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

use crate::{
    harness::Api,
    process::{cli, run},
};

const KEY: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
const TENANT: &str = "11111111-2222-4333-8444-555555555555";
const ALICE: &str = "aaaaaaaa-2222-4333-8444-555555555555";
const ISSUER: &str = "https://login.contoso.example";

fn alice() -> UserId {
    UserId::from(*Subject::entra(TENANT, ALICE).hash())
}

/// A user of another issuer.
fn user(subject: &str) -> UserId {
    UserId::from(*Subject::oidc(ISSUER, subject).hash())
}

fn name(user: UserId) -> String {
    Name::of(&KEY.parse::<Key>().unwrap(), user).to_string()
}

/// A directory in a folder, as the service keeps it, and the ACS that it is for.
struct Store {
    api: Api,
    folder: TempDir,
    acs: Client,
    directory: Directory,
}

impl Store {
    async fn open() -> Self {
        let api = Api::direct().await;
        let folder = tempfile::tempdir().unwrap();
        let acs = ClientOptions::from(api.connection_string().parse::<ConnectionString>().unwrap());
        let acs = Client::new(acs).unwrap();
        let settings =
            directory::DirectorySettings::at(StoreLocation::Files(folder.path().to_owned()), KEY.parse().unwrap());
        let directory = Directory::open(&settings, acs.clone()).unwrap();
        Self { api, folder, acs, directory }
    }

    fn url(&self) -> String {
        Url::from_file_path(self.folder.path()).unwrap().to_string()
    }

    /// The command, in an environment that says where the directory is, and more.
    fn command(&self, arguments: &[&str], more: &[(&str, &str)]) -> Command {
        let url = self.url();
        let environment = [&[("USER_DIRECTORY", &*url), ("USER_DIRECTORY_KEY", KEY)], more].concat();
        cli(&[&["directory"], arguments].concat(), &environment)
    }

    async fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        run(self.command(arguments, &[])).await
    }

    async fn repair(&self, arguments: &[&str], more: &[(&str, &str)]) -> (i32, String, String) {
        let connection_string = self.api.connection_string();
        let more = [&[("COMMUNICATION_SERVICES_CONNECTION_STRING", &*connection_string)], more].concat();
        run(self.command(&[&["repair"], arguments].concat(), &more)).await
    }

    /// A user's token, as the service would issue it.
    async fn token(&self, user: UserId) -> Issued {
        let request = TokenRequest::new(vec![Scope::Chat], None).unwrap();
        self.directory.issue_token(user, &request).await.unwrap()
    }

    /// A user's deletion, broken off before ACS has deleted the identity.
    async fn half_forget(&self, user: UserId) {
        let fault = json!({"operation": "delete-identity", "answer": {"status": 403}});
        self.api.control("POST", "faults", Some(fault)).await;
        assert!(self.directory.forget(user).await.is_err());
    }

    fn record(&self, user: UserId) -> PathBuf {
        self.folder.path().join(format!("{}.json", name(user)))
    }

    /// How often ACS was asked for an operation.
    async fn calls(&self, operation: &str) -> u64 {
        self.api.control("GET", "calls", None).await[operation]["received"].as_u64().unwrap_or_default()
    }

    /// Whether ACS has deleted an identity.
    async fn is_deleted(&self, id: &str) -> bool {
        let state = self.api.control("GET", "state", None).await;
        let identities = state["identities"].as_array().unwrap();
        !identities.iter().find(|identity| identity["id"] == id).unwrap()["deletedAt"].is_null()
    }
}

/// One user with an identity, one whose deletion was broken off, one forgotten: the ids of the first two.
async fn three_users() -> (Store, [String; 2]) {
    let store = Store::open().await;
    let ids = [store.token(alice()).await.id, store.token(user("bob")).await.id];
    store.half_forget(user("bob")).await;
    store.token(user("carol")).await;
    assert!(store.directory.forget(user("carol")).await.unwrap());
    (store, ids.map(|id| id.as_str().to_owned()))
}

/// The columns of the table that `export` prints, but for the third, which must be a time.
fn columns(listed: &str) -> Vec<Vec<&str>> {
    let columns = listed.lines().map(|line| {
        let mut columns: Vec<&str> = line.split_whitespace().collect();
        let written_at: Timestamp = columns.remove(2).parse().unwrap();
        assert!(Timestamp::now().duration_since(written_at).as_hours() == 0);
        columns
    });
    columns.collect()
}

#[tokio::test]
async fn export_prints_one_line_for_each_user() {
    let (store, [alices, bobs]) = three_users().await;
    let [alice, bob, carol] = [alice(), user("bob"), user("carol")].map(name);
    // What is named otherwise, or lies deeper, is no record.
    fs::write(store.folder.path().join("notes.json"), "{}").unwrap();
    fs::create_dir(store.folder.path().join("copies")).unwrap();
    fs::write(store.folder.path().join(format!("copies/{alice}.json")), "{}").unwrap();

    let (code, stdout, stderr) = store.run(&["export"]).await;
    assert_eq!((code, &*stderr), (0, "3 records: 1 identity, 1 leaving, 1 forgotten\n"));
    let (short_alices, short_bobs) = (short_hash(&alices), short_hash(&bobs));
    let mut expected =
        [[&*alice, "identity", &short_alices], [&bob, "leaving", &short_bobs], [&carol, "forgotten", "-"]];
    expected.sort_unstable();
    assert_eq!(columns(&stdout), expected);
    // In columns for people: each begins where the others do.
    assert!(
        stdout.lines().all(|line| &line[64..66] == "  " && &line[75..77] == "  " && &line[97..99] == "  "),
        "{stdout}"
    );

    let (code, stdout, _) = store.run(&["export", "--output", "table", "--ids"]).await;
    assert_eq!(code, 0);
    let mut expected = [[&*alice, "identity", &alices], [&bob, "leaving", &bobs], [&carol, "forgotten", "-"]];
    expected.sort_unstable();
    assert_eq!(columns(&stdout), expected);
}

#[tokio::test]
async fn export_succeeds_when_its_reader_has_gone() {
    let (store, _) = three_users().await;
    for output in ["table", "jsonl"] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = store.command(&["export", "--output", output], &[]);
        let output = command.stdout(writer).stderr(std::process::Stdio::piped()).spawn().unwrap();
        let output = output.wait_with_output().await.unwrap();
        assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
    }
}

#[tokio::test]
async fn show_finds_a_user_by_each_of_their_names() {
    let (store, [alices, _]) = three_users().await;
    let (alice, carol) = (name(alice()), name(user("carol")));
    // Entra writes GUIDs in any case.
    for arguments in [
        &["--tenant", TENANT, "--object", ALICE][..],
        &["--tenant", TENANT, "--object", &ALICE.to_ascii_uppercase()],
        &["--name", &alice],
    ] {
        let (code, stdout, stderr) = store.run(&[&["show"], arguments].concat()).await;
        let (said, written) = stdout.rsplit_once("\nwritten   ").unwrap();
        let expected = format!("name      {alice}\nstate     identity\nidentity  {}", short_hash(&alices));
        assert_eq!((code, said, &*stderr), (0, &*expected, ""));
        assert!(written.trim().parse::<Timestamp>().is_ok(), "{written}");
    }
    let (_, stdout, _) = store.run(&["show", "--name", &alice, "--ids"]).await;
    assert!(stdout.contains(&format!("\nid        {alices}\n")), "{stdout}");

    let (code, stdout, _) = store.run(&["show", "--issuer", ISSUER, "--subject", "carol"]).await;
    let (said, _) = stdout.rsplit_once("\nwritten   ").unwrap();
    assert_eq!((code, said), (0, &*format!("name      {carol}\nstate     forgotten")));

    let (code, stdout, stderr) = store.run(&["show", "--issuer", ISSUER, "--subject", "Carol"]).await;
    let said = format!("error: there is no record of that user, whose name is {}\n", name(user("Carol")));
    assert_eq!((code, &*stdout, stderr), (1, "", said));
}

#[tokio::test]
async fn export_writes_one_json_object_for_each_user() {
    let (store, [alices, bobs]) = three_users().await;
    let (code, stdout, stderr) = store.run(&["export", "--output", "jsonl"]).await;
    assert_eq!((code, &*stderr), (0, "3 records: 1 identity, 1 leaving, 1 forgotten\n"));
    let [alice, bob, carol] = [alice(), user("bob"), user("carol")].map(name);
    for (name, state, identity) in
        [(&alice, "identity", json!(alices)), (&bob, "leaving", json!(bobs)), (&carol, "forgotten", Value::Null)]
    {
        let line = stdout.lines().find(|line| line.contains(name)).unwrap();
        let start = format!(r#"{{"name":"{name}","state":"{state}","identity":{identity},"writtenAt":""#);
        assert!(line.starts_with(&start), "{line}");
        let written_at = serde_json::from_str::<Value>(line).unwrap()["writtenAt"].as_str().unwrap().to_owned();
        assert!(written_at.parse::<Timestamp>().is_ok(), "{written_at}");
    }
    assert_eq!(stdout.lines().count(), 3);

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("users.jsonl");
    let path = file.to_str().unwrap();
    let (code, none, _) = store.run(&["export", "--output", "jsonl", "--file", path]).await;
    assert_eq!((code, &*none, fs::read_to_string(&file).unwrap()), (0, "", stdout.clone()));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }

    // With a record that cannot be read it is not whole, so that the file stays as it was.
    fs::write(store.record(user("bob")), "not a record").unwrap();
    let (code, _, stderr) = store.run(&["export", "-o", "jsonl", "-f", path]).await;
    let said = format!(
        "{bob} cannot be read: the object is not a record of a directory\n\
         3 records: 1 identity, 0 leaving, 1 forgotten, 1 unreadable\n\
         error: {path} is not written: one record could not be read\n"
    );
    assert_eq!((code, stderr), (1, said));
    assert_eq!(fs::read_to_string(&file).unwrap(), stdout);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing half done is left");
    // All others are printed.
    let (code, stdout, _) = store.run(&["export"]).await;
    assert_eq!((code, stdout.lines().count()), (1, 2));
}
