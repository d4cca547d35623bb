//! `acs-tokens directory rekey`: what it prints, and that records that remain are an error.

use std::fs;

use super::{Fixture, KEY};
use crate::process::run;

const NEW_KEY: &str = "bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmU=";

impl Fixture {
    async fn rekey(&self, key: &str) -> (i32, String, String) {
        let mut command = self.command(&["rekey"]);
        command.env("USER_DIRECTORY_KEY", key);
        run(command).await
    }
}

#[tokio::test]
async fn rekey_moves_records_and_counts_those_that_remain() {
    let (fixture, _) = Fixture::with_three_users().await;
    let dave = fixture.token("dave").await;
    // As an earlier version writes it.
    fs::write(fixture.record("dave"), format!(r#"{{"identity":"{dave}"}}"#)).unwrap();
    let turned = format!("{NEW_KEY},{KEY}");
    let table = "\
unchanged          1  under the new key, or without an identity
moved              2  from the old key to the new one
remaining          1  of an earlier version; the user's next call prepares the record, then run rekey again
failed             0  the record did not change; run rekey again
";
    let error = "error: remaining records: 1; keep both keys\n";
    assert_eq!(fixture.rekey(&turned).await, (1, table.to_owned(), error.to_owned()));
    for subject in ["alice", "bob", "carol"] {
        assert_eq!(fs::read_to_string(fixture.record(subject)).unwrap(), "{}");
    }

    // Dave calls again.
    assert_eq!(fixture.reopened().revoke_tokens(super::user("dave")).await.unwrap().unwrap().as_str(), dave);
    let (code, stdout, stderr) = fixture.rekey(&turned).await;
    assert!((code, &*stderr) == (0, "") && stdout.contains("\nmoved              1  "), "{stdout}{stderr}");
    let (code, stdout, _) = fixture.rekey(&turned).await;
    assert!(code == 0 && stdout.contains("unchanged          7  "), "{stdout}");
}

#[tokio::test]
async fn rekey_reports_a_record_that_fails() {
    let (fixture, _) = Fixture::with_three_users().await;
    fs::write(fixture.record("alice"), "not a record").unwrap();
    let (code, stdout, stderr) = fixture.rekey(&format!("{NEW_KEY},{KEY}")).await;
    assert!(
        code == 1 && stdout.contains("failed             1  ") && stdout.contains("moved              1  "),
        "{stdout}"
    );
    assert!(stderr.contains("is not a record") && stderr.ends_with("error: failed records: 1\n"), "{stderr}");
}

#[tokio::test]
async fn rekey_needs_two_keys() {
    let (fixture, _) = Fixture::with_three_users().await;
    let error = "error: USER_DIRECTORY_KEY: has one key; set `<new>,<old>` to move records from the old key\n";
    assert_eq!(fixture.run(&["rekey"]).await, (1, String::new(), error.to_owned()));
}
