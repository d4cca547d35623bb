//! `acs-tokens directory repair`: the outcome for each kind of record, and that it can be repeated.

use std::{
    fs::{self, File, FileTimes},
    time::{Duration, SystemTime},
};

use serde_json::{Value, json};

use super::{Fixture, name};

impl Fixture {
    /// Runs `repair`. Returns the exit code, the counts of unchanged, completed, emptied, removed and failed records,
    /// and stderr.
    async fn repair(&self, arguments: &[&str]) -> (i32, [usize; 5], String) {
        let (code, stdout, stderr) = self.run(&[&["repair"], arguments].concat()).await;
        let rows: Vec<Vec<&str>> = stdout.lines().map(|line| line.split_whitespace().take(2).collect()).collect();
        let words: Vec<&str> = rows.iter().map(|row| row[0]).collect();
        assert_eq!(words, ["unchanged", "completed", "emptied", "removed", "failed"]);
        (code, [0, 1, 2, 3, 4].map(|i| rows[i][1].parse().unwrap()), stderr)
    }

    /// Asserts that `repair` succeeds with these counts.
    pub(super) async fn assert_repair(&self, arguments: &[&str], counts: [usize; 5]) {
        let asking = format!("Asking {} whether it has each identity.\n", self.resource());
        let stderr = if arguments.contains(&"--ask-acs") { asking } else { String::new() };
        assert_eq!(self.repair(arguments).await, (0, counts, stderr));
    }

    /// Returns the endpoint of the ACS resource.
    fn resource(&self) -> String {
        let connection_string = self.api.connection_string();
        connection_string.split(';').next().unwrap().strip_prefix("endpoint=").unwrap().to_owned()
    }

    /// Sets the time when a record was written.
    pub(super) fn set_age(&self, subject: &str, hours: u64) {
        let file = File::options().write(true).open(self.record(subject)).unwrap();
        let modified = SystemTime::now() - Duration::from_secs(hours * 60 * 60);
        file.set_times(FileTimes::new().set_modified(modified)).unwrap();
    }

    /// Returns how often ACS received a call for a token.
    async fn token_calls(&self) -> u64 {
        self.api.control("GET", "calls", None).await["issue-token"]["received"].as_u64().unwrap_or_default()
    }

    async fn is_deleted(&self, id: &str) -> bool {
        let state: Value = self.api.control("GET", "state", None).await;
        let identities = state["identities"].as_array().unwrap();
        !identities.iter().find(|identity| identity["id"] == id).unwrap()["deletedAt"].is_null()
    }
}

#[tokio::test]
async fn interrupted_deletion_is_completed() {
    let (fixture, [alice, bob]) = Fixture::with_three_users().await;
    assert!(!fixture.is_deleted(&bob).await);
    let calls = fixture.token_calls().await;
    let table = "\
unchanged          2  needs no repair
completed          1  an interrupted deletion was completed
emptied            0  ACS no longer has the identity; the user's next call creates one
removed            0  the identity was deleted over a day ago
failed             0  the record did not change; run repair again
";
    assert_eq!(fixture.run(&["repair"]).await, (0, table.to_owned(), String::new()));
    assert!(fixture.is_deleted(&bob).await && !fixture.is_deleted(&alice).await);
    assert_eq!(fs::read_to_string(fixture.record("bob")).unwrap(), "{}");
    assert_eq!(fixture.token_calls().await, calls, "identities are checked with --ask-acs only");
    fixture.assert_repair(&[], [3, 0, 0, 0, 0]).await;
}

#[tokio::test]
async fn record_of_an_identity_deleted_over_a_day_ago_is_removed() {
    let (fixture, _) = Fixture::with_three_users().await;
    fixture.token("dave").await;
    fixture.delete("dave").await;
    for (subject, hours) in [("carol", 25), ("dave", 23), ("alice", 1000)] {
        fixture.set_age(subject, hours);
    }
    fixture.assert_repair(&[], [2, 1, 0, 1, 0]).await;
    let exist = ["alice", "bob", "carol", "dave"].map(|subject| fixture.record(subject).exists());
    assert_eq!(exist, [true, true, false, true]);
    // A user who returns gets an identity again.
    fixture.token("carol").await;
    fixture.assert_repair(&[], [4, 0, 0, 0, 0]).await;
}

#[tokio::test]
async fn record_of_an_identity_missing_from_acs_is_emptied() {
    let fixture = Fixture::new().await;
    let (alice, bob) = (fixture.token("alice").await, fixture.token("bob").await);
    fixture.acs.delete_identity(&alice.parse().unwrap()).await.unwrap();
    fixture.assert_repair(&[], [2, 0, 0, 0, 0]).await;

    let calls = fixture.token_calls().await;
    fixture.assert_repair(&["--ask-acs"], [1, 0, 1, 0, 0]).await;
    // Before that, ACS is asked until it knows an identity.
    let asked = fixture.token_calls().await - calls;
    assert!((3..=4).contains(&asked), "one token for each record: {asked}");
    assert_eq!(fs::read_to_string(fixture.record("alice")).unwrap(), "{}");
    assert!(fs::read_to_string(fixture.record("bob")).unwrap().contains(&bob));
    fixture.assert_repair(&["--ask-acs"], [2, 0, 0, 0, 0]).await;
    assert_ne!(fixture.token("alice").await, alice);
}

#[tokio::test]
async fn failed_record_does_not_change_and_does_not_stop_the_others() {
    let fixture = Fixture::new().await;
    for subject in ["a", "b", "c"] {
        fixture.token(subject).await;
        fixture.interrupt_deletion(subject).await;
    }
    fs::write(fixture.record("alice"), "not a record").unwrap();
    fixture.fail_next("revoke-tokens").await;
    let (code, counts, stderr) = fixture.repair(&[]).await;
    assert_eq!((code, counts), (1, [0, 2, 0, 0, 2]));
    let mut lines: Vec<&str> = stderr.lines().collect();
    assert_eq!((lines.len(), lines.pop()), (3, Some("error: failed records: 2")));
    let unreadable = format!(
        "{} failed: the store of USER_DIRECTORY failed: the object is not a record of a user directory",
        name("alice")
    );
    assert!(lines.contains(&&*unreadable), "{stderr}");
    assert!(lines.iter().any(|line| line.contains(" failed: ACS answered 403 Forbidden")), "{stderr}");
    assert!(!stderr.contains("8:acs:"), "{stderr}");

    let (code, counts, _) = fixture.repair(&[]).await;
    assert_eq!((code, counts), (1, [2, 1, 0, 0, 1]));
}

#[tokio::test]
async fn repair_stops_before_any_change_if_acs_knows_none_of_the_first_identities() {
    for (users, asked) in [(1, 1), (3, 3), (12, 10)] {
        let fixture = Fixture::new().await;
        let subjects: Vec<String> = (0..users).map(|number| format!("user {number}")).collect();
        for subject in &subjects {
            fixture.token(subject).await;
        }
        let records = || subjects.iter().map(|subject| fs::read(fixture.record(subject)).unwrap()).collect::<Vec<_>>();
        let before = records();
        // Another resource knows none of the identities.
        fixture.api.control("POST", "reset", None).await;

        let (code, stdout, stderr) = fixture.run(&["repair", "--ask-acs"]).await;
        assert_eq!((code, &*stdout), (1, ""));
        let refusal = format!("error: {} knows none of the first {asked} identities", fixture.resource());
        assert!(stderr.lines().nth(1).unwrap().starts_with(&refusal) && stderr.contains("--yes"), "{stderr}");
        assert_eq!(fixture.token_calls().await, asked);
        assert_eq!(records(), before);

        fixture.assert_repair(&["--ask-acs", "--yes"], [0, 0, users, 0, 0]).await;
        assert!(records().iter().all(|record| record == b"{}"));
    }
}

#[tokio::test]
async fn repair_goes_on_if_acs_knows_one_of_the_first_identities() {
    let fixture = Fixture::new().await;
    let mut ids = Vec::new();
    for number in 0..10 {
        let subject = format!("user {number}");
        ids.push((name(&subject), fixture.token(&subject).await));
    }
    // All but the last one of the list.
    ids.sort_unstable();
    for (_, id) in &ids[..9] {
        fixture.acs.delete_identity(&id.parse().unwrap()).await.unwrap();
    }
    fixture.assert_repair(&["--ask-acs"], [1, 0, 9, 0, 0]).await;
}

#[tokio::test]
async fn failed_answer_of_acs_is_no_unknown_identity() {
    let fixture = Fixture::new().await;
    for subject in ["alice", "bob"] {
        fixture.token(subject).await;
    }
    for answer in [
        json!({ "status": 403, "body": r#"{"error":{"code":"Denied","message":""}}"# }),
        // A proxy answers in place of ACS.
        json!({ "status": 404, "headers": { "Content-Type": "text/html" }, "body": "<html>404</html>" }),
    ] {
        let fault = json!({ "operation": "issue-token", "times": 99, "answer": answer });
        fixture.api.control("POST", "faults", Some(fault)).await;
        let (code, counts, stderr) = fixture.repair(&["--ask-acs"]).await;
        assert_eq!((code, counts), (1, [0, 0, 0, 0, 2]), "{stderr}");
        fixture.api.control("DELETE", "faults", None).await;
        for subject in ["alice", "bob"] {
            assert!(fs::read_to_string(fixture.record(subject)).unwrap().contains("8:acs:"));
        }
    }
}
