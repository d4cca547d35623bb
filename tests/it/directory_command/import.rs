//! `acs-tokens directory import`.

use std::fs;

use serde_json::json;
use tempfile::TempDir;

use super::{ALICE, Fixture, ISSUER, KEY, TENANT, name};
use crate::process::{cli, run};

const OTHER_KEY: &str = "OTg3NjU0MzIxMDk4NzY1NDMyMTA5ODc2NTQzMjEwOTg=";

/// A folder for a directory that does not exist yet, and an export in a file.
struct Target {
    folder: TempDir,
    export: String,
}

impl Target {
    async fn of(fixture: &Fixture) -> Self {
        let target = Self { folder: TempDir::new().unwrap(), export: String::new() };
        let export = target.folder.path().join("users.jsonl").to_str().unwrap().to_owned();
        let (code, _, stderr) = fixture.run(&["export", "--output", "jsonl", "--file", &export]).await;
        assert_eq!(code, 0, "{stderr}");
        Self { export, ..target }
    }

    async fn import_with(&self, key: &str, arguments: &[&str]) -> (i32, String, String) {
        let directory = format!("file://{}/users", self.folder.path().display());
        let settings = [("USER_DIRECTORY", &*directory), ("USER_DIRECTORY_KEY", key)];
        run(cli(&[&["directory", "import", "--file", &self.export], arguments].concat(), &settings)).await
    }

    async fn import(&self, arguments: &[&str]) -> (i32, String, String) {
        self.import_with(KEY, arguments).await
    }

    fn record(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join("users").join(format!("{name}.json"))).unwrap()
    }
}

/// Returns the numbers of created, unchanged, replaced, kept, other and failed records.
fn counts(stdout: &str) -> Vec<usize> {
    stdout.lines().map(|line| line.split_whitespace().find_map(|word| word.parse().ok()).unwrap()).collect()
}

#[tokio::test]
async fn an_import_restores_what_was_exported() {
    let (fixture, _) = Fixture::with_three_users().await;
    // Blocked while the deletion is interrupted: both must survive.
    fixture.fail_next("delete-identity").await;
    fixture.run(&["block", "--name", &name("bob")]).await;
    let target = Target::of(&fixture).await;
    let (code, stdout, stderr) = target.import(&[]).await;
    assert_eq!((code, counts(&stdout), &*stderr), (0, vec![3, 0, 0, 0, 0, 0], ""));
    for subject in ["alice", "bob", "carol"] {
        let record = fs::read_to_string(fixture.record(subject)).unwrap();
        assert_eq!(target.record(&name(subject)), record);
        assert_eq!(record.contains("\"leaving\":true,\"blocked\":true"), subject == "bob", "{record}");
    }
    let (code, stdout, _) = target.import(&[]).await;
    assert_eq!((code, counts(&stdout)), (0, vec![0, 3, 0, 0, 0, 0]));
}

#[tokio::test]
async fn an_import_replaces_records_only_if_asked() {
    let (fixture, _) = Fixture::with_three_users().await;
    let target = Target::of(&fixture).await;
    target.import(&[]).await;
    let file = target.folder.path().join("users").join(format!("{}.json", name("alice")));
    let exported = fs::read_to_string(&file).unwrap();
    fs::write(&file, "{}").unwrap();
    let (code, stdout, stderr) = target.import(&[]).await;
    assert_eq!((code, counts(&stdout)), (1, vec![0, 2, 0, 1, 0, 0]));
    assert_eq!(stderr, "error: kept records: 1; they differ from the export; replace them with --overwrite\n");
    assert_eq!(fs::read_to_string(&file).unwrap(), "{}");
    let (code, stdout, _) = target.import(&["--overwrite"]).await;
    assert_eq!((code, counts(&stdout)), (0, vec![0, 2, 1, 0, 0, 0]));
    assert_eq!(fs::read_to_string(&file).unwrap(), exported);
}

#[tokio::test]
async fn records_of_another_key_are_not_written() {
    let (fixture, _) = Fixture::with_three_users().await;
    let target = Target::of(&fixture).await;
    let (code, stdout, stderr) = target.import_with(OTHER_KEY, &[]).await;
    // The record of a deleted user contains no user to compare.
    assert_eq!((code, counts(&stdout)), (1, vec![1, 0, 0, 0, 2, 0]));
    assert!(stderr.contains("set USER_DIRECTORY_KEY to that of the exported directory"), "{stderr}");
    // While one key replaces the other, the key of the export may be the second one.
    let (code, stdout, _) = target.import_with(&format!("{OTHER_KEY},{KEY}"), &[]).await;
    assert_eq!((code, counts(&stdout)), (0, vec![2, 1, 0, 0, 0, 0]));
}

#[tokio::test]
async fn nothing_is_written_if_a_line_is_wrong() {
    let (fixture, _) = Fixture::with_three_users().await;
    let target = Target::of(&fixture).await;
    let export = fs::read_to_string(&target.export).unwrap();
    let first = export.lines().next().unwrap();
    for (text, expected) in [
        (
            format!("{export}not JSON\n"),
            "line 4 is neither a line of `export --output jsonl` nor names a user and an identity; nothing was written",
        ),
        (format!("{export}\n{first}\n"), "line 5 repeats the record of another line; nothing was written"),
        (export.replace("\"identity\":\"8:", "\"identity\":\"9:"), "is neither a line of"),
        (export.replace("\"name\":\"", "\"name\":\"../"), "line 1 is neither a line of"),
    ] {
        fs::write(&target.export, text).unwrap();
        let (code, stdout, stderr) = target.import(&[]).await;
        assert_eq!((code, &*stdout), (1, ""), "{stderr}");
        assert!(stderr.contains(expected) && !stderr.contains("8:acs:"), "{stderr}");
        assert!(!target.folder.path().join("users").exists());
    }
    fs::remove_file(&target.export).unwrap();
    let (code, _, stderr) = target.import(&[]).await;
    assert!(code == 1 && stderr.starts_with("error: cannot read "), "{stderr}");
}

#[tokio::test]
async fn an_import_writes_identities_of_users_from_elsewhere() {
    let fixture = Fixture::new().await;
    let ids = [fixture.acs.create_identity().await.unwrap(), fixture.acs.create_identity().await.unwrap()];
    let [alice, bob] = ids.map(|id| id.as_str().to_owned());
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("users.jsonl");
    let lines = format!(
        "{}\n{}\n",
        json!({"tenantId": TENANT, "objectId": ALICE.to_uppercase(), "identity": alice}),
        json!({"issuer": ISSUER, "subject": "bob", "identity": bob, "note": "of another program"}),
    );
    fs::write(&file, &lines).unwrap();
    let arguments = ["import", "--file", file.to_str().unwrap()];
    let (code, stdout, stderr) = fixture.run(&arguments).await;
    assert_eq!((code, counts(&stdout), &*stderr), (0, vec![2, 0, 0, 0, 0, 0], ""));
    assert_eq!([fixture.token("alice").await, fixture.token("bob").await], [alice, bob.clone()]);
    let (code, stdout, _) = fixture.run(&arguments).await;
    assert_eq!((code, counts(&stdout)), (0, vec![0, 2, 0, 0, 0, 0]));

    let with = |change: &str| lines.replace(&bob, change);
    for (text, expected) in [
        (with("bob"), "line 2 is neither a line of"),
        (lines.replace("\"subject\"", "\"objectId\""), "line 2 is neither a line of"),
        (lines.replace(&format!("\"{TENANT}\""), "\"contoso\""), "line 1 is neither a line of"),
        (format!("{lines}{lines}"), "line 3 repeats the record of another line"),
    ] {
        fs::write(&file, text).unwrap();
        let (code, stdout, stderr) = fixture.run(&arguments).await;
        assert!((code, &*stdout) == (1, "") && stderr.contains(expected), "{stderr}");
    }
}
