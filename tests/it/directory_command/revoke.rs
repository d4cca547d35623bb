//! `acs-tokens directory revoke`: which tokens it revokes, and how it continues after a failure or an interruption.

use std::{collections::BTreeMap, fs, process::Stdio, time::Duration};

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::process::Command;

use super::{Fixture, name};
use crate::process::{in_time, until};

impl Fixture {
    /// Issues a token to each of these users. Returns the identities by record name.
    async fn tokens(&self, subjects: impl Iterator<Item = String>) -> BTreeMap<String, String> {
        let mut ids = BTreeMap::new();
        for subject in subjects {
            ids.insert(name(&subject), self.token(&subject).await);
        }
        ids
    }

    /// Returns the number of calls to revoke tokens.
    async fn revocations(&self) -> u64 {
        self.api.control("GET", "calls", None).await["revoke-tokens"]["received"].as_u64().unwrap_or_default()
    }

    /// Returns the names of the records whose tokens were revoked.
    async fn revoked(&self, ids: &BTreeMap<String, String>) -> Vec<String> {
        let state = self.api.control("GET", "state", None).await;
        let identities = state["identities"].as_array().unwrap();
        let is_revoked = |id: &str| {
            let identity = identities.iter().find(|identity| identity["id"] == id).unwrap();
            identity["tokensRevokedAt"] != Value::Null
        };
        ids.iter().filter(|(_, id)| is_revoked(id)).map(|(name, _)| name.clone()).collect()
    }

    /// Runs the command. Returns the exit code, the counts of revoked, newer, none and failed records, and stderr without
    /// its first line, which names the resource.
    async fn revoke(&self, arguments: &[&str]) -> (i32, [usize; 4], String) {
        let (code, stdout, stderr) = self.run(&[&["revoke"], arguments].concat()).await;
        let rows: Vec<Vec<&str>> = stdout.lines().map(|line| line.split_whitespace().take(2).collect()).collect();
        let words: Vec<&str> = rows.iter().map(|row| row[0]).collect();
        assert_eq!(words, ["revoked", "newer", "none", "failed"]);
        let (resource, rest) = stderr.split_once('\n').unwrap();
        assert!(resource.starts_with("ACS at http://127.0.0.1:"), "{resource}");
        (code, [0, 1, 2, 3].map(|i| rows[i][1].parse().unwrap()), rest.to_owned())
    }
}

fn users(many: usize) -> impl Iterator<Item = String> {
    (0..many).map(|number| format!("user {number}"))
}

#[tokio::test]
async fn tokens_of_all_users_are_revoked_and_users_are_not_blocked() {
    let (fixture, [alice, bob]) = Fixture::with_three_users().await;
    let ids = fixture.tokens(users(4)).await;
    let dave = fixture.token("dave").await;
    fixture.run(&["block", "--name", &name("dave")]).await;
    let before = fixture.revocations().await;
    assert_eq!(fixture.revoke(&["--all", "--yes"]).await, (0, [7, 0, 1, 0], String::new()));
    assert_eq!(fixture.revocations().await - before, 7);
    assert_eq!(fixture.revoked(&ids).await, ids.keys().cloned().collect::<Vec<_>>());
    let others = [("alice", alice.clone()), ("bob", bob), ("dave", dave)].map(|(name, id)| (name.to_owned(), id));
    assert_eq!(fixture.revoked(&others.into()).await, ["alice", "bob", "dave"]);
    // Nobody is blocked, and the blocked user stays so.
    assert_eq!(fixture.token("alice").await, alice);
    let (_, _, stderr) = fixture.run(&["export"]).await;
    assert_eq!(stderr, "5 active, 1 blocked, 1 deleting, 1 deleted, 0 unreadable\n");

    // An identity that ACS no longer has.
    fixture.acs.delete_identity(&alice.parse().unwrap()).await.unwrap();
    assert_eq!(fixture.revoke(&["--all", "--yes"]).await, (0, [6, 0, 2, 0], String::new()));
}

#[tokio::test]
async fn only_tokens_of_users_with_earlier_records_are_revoked() {
    let fixture = Fixture::new().await;
    let ids = fixture.tokens(users(4)).await;
    fixture.set_age("user 1", 3);
    fixture.set_age("user 3", 5);
    let ago = |hours: i64| (Timestamp::now() - jiff::SignedDuration::from_hours(hours)).to_string();
    assert_eq!(fixture.revoke(&["--before", &ago(6)]).await, (0, [0, 4, 0, 0], String::new()));
    assert_eq!(fixture.revocations().await, 0);
    assert_eq!(fixture.revoke(&["--before", &ago(4)]).await, (0, [1, 3, 0, 0], String::new()));
    assert_eq!(fixture.revoked(&ids).await, [name("user 3")]);
    let offset = Timestamp::now() - jiff::SignedDuration::from_hours(2);
    let offset = offset.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string();
    assert_eq!(fixture.revoke(&["--before", &offset]).await, (0, [2, 2, 0, 0], String::new()));
    let mut revoked = [name("user 1"), name("user 3")];
    revoked.sort_unstable();
    assert_eq!(fixture.revoked(&ids).await, revoked);
}

#[tokio::test]
async fn all_users_need_a_confirmation_and_times_are_checked() {
    let fixture = Fixture::new().await;
    fixture.token("alice").await;
    let future = (Timestamp::now() + Duration::from_secs(3600)).to_string();
    for (arguments, text) in [
        (&[][..], "--all"),
        (&["--all"], "--yes"),
        (&["--yes"], "--all"),
        (&["--all", "--yes", "--before", "2020-01-01T00:00:00Z"], "--before"),
        (&["--before", &future], "is in the future; use --all for all users"),
        (&["--before", "yesterday"], "is not a time such as 2026-01-31T12:00:00Z"),
        (&["--before", "2020-01-01"], "is not a time such as 2026-01-31T12:00:00Z"),
        (&["--all", "--yes", "--after", "bob"], "not a record name"),
    ] {
        let (code, _, stderr) = fixture.run(&[&["revoke"], arguments].concat()).await;
        assert!(code == 2 && stderr.contains(text), "{arguments:?}: {stderr}");
    }
    assert_eq!(fixture.revocations().await, 0);
}

#[tokio::test]
async fn failed_records_are_reported_and_the_command_continues_before_the_first() {
    let fixture = Fixture::new().await;
    let ids = fixture.tokens(users(6)).await;
    let names: Vec<&String> = ids.keys().collect();
    fs::write(fixture.folder.path().join(format!("{}.json", names[2])), "not a record").unwrap();
    let (code, counts, stderr) = fixture.revoke(&["--all", "--yes"]).await;
    assert_eq!((code, counts), (1, [5, 0, 0, 1]));
    let expected = format!(
        "{} failed: the store of USER_DIRECTORY failed: the object is not a record of a user directory\n\
         error: failed records: 1; run the command again with --after {}\n",
        names[2], names[1]
    );
    assert_eq!(stderr, expected);

    let record = json!({ "identity": ids[names[2]] }).to_string();
    fs::write(fixture.folder.path().join(format!("{}.json", names[2])), record).unwrap();
    let resumed = fixture.revoke(&["--all", "--yes", "--after", names[1]]).await;
    assert_eq!(resumed, (0, [4, 0, 0, 0], String::new()));
    assert_eq!(fixture.revoked(&ids).await.len(), 6);

    // If the first record fails, there is nothing to skip.
    fs::write(fixture.folder.path().join(format!("{}.json", names[0])), "not a record").unwrap();
    let (code, counts, stderr) = fixture.revoke(&["--all", "--yes"]).await;
    assert_eq!((code, counts), (1, [5, 0, 0, 1]));
    assert!(stderr.ends_with("\nerror: failed records: 1\n"), "{stderr}");
}

#[cfg(unix)]
#[tokio::test]
async fn interrupted_command_continues_where_it_was() {
    let fixture = Fixture::new().await;
    let ids = fixture.tokens(users(30)).await;
    let mut command = fixture.command(&["revoke", "--all", "--yes"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // At most 16 records are processed at once, so the first ones are done.
    until("some revocations", async || fixture.revocations().await >= 20).await;
    let id = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().await.unwrap().success());
    let output = in_time("the end of the program", child.wait_with_output()).await.unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    let last = stderr.lines().last().unwrap();
    let after = last.strip_prefix("error: interrupted; run the command again with --after ").unwrap();
    assert_eq!((output.status.code(), &*output.stdout), (Some(1), &b""[..]));

    // All records up to that one are done, and some of the others are not.
    let revoked = fixture.revoked(&ids).await;
    let done = ids.keys().filter(|name| name.as_str() <= after).count();
    assert!((1..30).contains(&done) && (done..30).contains(&revoked.len()), "{done} {revoked:?}");
    assert!(ids.keys().take(done).all(|name| revoked.contains(name)));
    let before = fixture.revocations().await;
    let resumed = fixture.revoke(&["--all", "--yes", "--after", after]).await;
    assert_eq!(resumed, (0, [30 - done, 0, 0, 0], String::new()));
    assert_eq!(fixture.revocations().await - before, u64::try_from(30 - done).unwrap());
    assert_eq!(fixture.revoked(&ids).await.len(), 30);
}
