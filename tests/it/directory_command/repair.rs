//! `acs-tokens directory repair`: what becomes of each record, and that it may be run as often as one likes.

use std::{
    fs::{self, File, FileTimes},
    time::{Duration, SystemTime},
};

use serde_json::json;

use super::{Store, alice, name, three_users, user};

/// What `repair` prints: the counts of fine, ended, dropped, removed and failed.
fn counts(table: &str) -> [usize; 5] {
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().take(2).collect()).collect();
    let words: Vec<&str> = rows.iter().map(|row| row[0]).collect();
    assert_eq!(words, ["fine", "ended", "dropped", "removed", "failed"]);
    [0, 1, 2, 3, 4].map(|i| rows[i][1].parse().unwrap())
}

/// Makes the record look as if it was written so many hours ago.
fn age(store: &Store, user: super::UserId, hours: u64) {
    let file = File::options().write(true).open(store.record(user)).unwrap();
    let modified = SystemTime::now() - Duration::from_secs(hours * 60 * 60);
    file.set_times(FileTimes::new().set_modified(modified)).unwrap();
}

#[tokio::test]
async fn finishes_a_deletion_that_was_broken_off() {
    let (store, [alices, bobs]) = three_users().await;
    assert!(!store.is_deleted(&bobs).await);
    let issued = store.calls("issue-token").await;
    let (code, stdout, stderr) = store.repair(&[], &[]).await;
    let table = "\
fine             2  nothing to do
ended            1  a deletion that was broken off is finished
dropped          0  ACS has not the identity any more; the user's next call makes another
removed          0  forgotten over a day ago
failed           0  stays as it was; run it again
";
    assert_eq!((code, &*stdout, &*stderr), (0, table, ""));
    assert!(store.is_deleted(&bobs).await && !store.is_deleted(&alices).await);
    assert_eq!(fs::read_to_string(store.record(user("bob"))).unwrap(), "{}");
    assert_eq!(store.calls("issue-token").await, issued, "nobody was asked for the others");

    let (code, stdout, _) = store.repair(&[], &[]).await;
    assert_eq!((code, counts(&stdout)), (0, [3, 0, 0, 0, 0]));
}

#[tokio::test]
async fn removes_the_record_of_somebody_forgotten_long_ago() {
    let (store, _) = three_users().await;
    store.token(user("dave")).await;
    assert!(store.directory.forget(user("dave")).await.unwrap());
    // However old the others are, they stay.
    age(&store, user("carol"), 25);
    age(&store, user("dave"), 23);
    age(&store, alice(), 1000);
    let (code, stdout, _) = store.repair(&[], &[]).await;
    assert_eq!((code, counts(&stdout)), (0, [2, 1, 0, 1, 0]));
    let there = ["alice", "bob", "carol", "dave"].map(|name| {
        let user = if name == "alice" { alice() } else { user(name) };
        store.record(user).exists()
    });
    assert_eq!(there, [true, true, false, true]);
    // Who comes back has an identity again.
    store.token(user("carol")).await;
    let (_, stdout, _) = store.repair(&[], &[]).await;
    assert_eq!(counts(&stdout), [4, 0, 0, 0, 0]);
}

#[tokio::test]
async fn drops_an_identity_that_acs_has_not() {
    let store = Store::open().await;
    let id = store.token(alice()).await.id;
    let other = store.token(user("bob")).await.id;
    store.acs.delete_identity(&id).await.unwrap();
    let (code, stdout, _) = store.repair(&[], &[]).await;
    assert_eq!((code, counts(&stdout)), (0, [2, 0, 0, 0, 0]), "only when it is told to does it ask");

    let before = store.calls("issue-token").await;
    let (code, stdout, stderr) = store.repair(&["--ask-acs"], &[]).await;
    assert_eq!((code, counts(&stdout), &*stderr), (0, [1, 0, 1, 0, 0], ""));
    assert_eq!(store.calls("issue-token").await, before + 2, "a token for each record");
    assert_eq!(fs::read_to_string(store.record(alice())).unwrap(), "{}");
    assert!(fs::read_to_string(store.record(user("bob"))).unwrap().contains(other.as_str()));

    let (code, stdout, _) = store.repair(&["--ask-acs"], &[]).await;
    assert_eq!((code, counts(&stdout)), (0, [2, 0, 0, 0, 0]));
    // Her next call makes another, whatever this process remembers.
    assert_ne!(store.token(alice()).await.id, id);
}

#[tokio::test]
async fn one_that_fails_does_not_stop_the_others() {
    let store = Store::open().await;
    for subject in ["a", "b", "c"] {
        store.token(user(subject)).await;
        store.half_forget(user(subject)).await;
    }
    fs::write(store.record(alice()), "not a record").unwrap();
    let fault = json!({"operation": "revoke-tokens", "answer": {"status": 403}});
    store.api.control("POST", "faults", Some(fault)).await;
    let (code, stdout, stderr) = store.repair(&[], &[]).await;
    assert_eq!((code, counts(&stdout)), (1, [0, 2, 0, 0, 2]));
    let mut said: Vec<&str> = stderr.lines().collect();
    assert_eq!(said.pop(), Some("error: 2 records failed"));
    let unreadable =
        format!("{} failed: the directory's store failed: the object is not a record of a directory", name(alice()));
    assert!(said.contains(&&*unreadable), "{stderr}");
    assert!(said.iter().any(|line| line.contains(" failed: ACS answered 403 Forbidden")), "{stderr}");
    assert_eq!(said.len(), 2, "{stderr}");
    assert!(!stderr.contains("8:acs:"), "{stderr}");

    // What has failed stays as it was, and is done the next time.
    let (code, stdout, _) = store.repair(&[], &[]).await;
    assert_eq!((code, counts(&stdout)), (1, [2, 1, 0, 0, 1]));
}
