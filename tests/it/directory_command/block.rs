//! `acs-tokens directory block` and `unblock`: what they print, and what the service answers afterwards.

use std::fs;

use acs_tokens::{directory::Error, short_hash::short_hash};
use serde_json::json;

use super::{ALICE, Fixture, ISSUER, SUMMARY, TENANT, name};

const ENTRA: [&str; 4] = ["--tenant", TENANT, "--object", ALICE];
const UNKNOWN: &str =
    "The user has no identity. If the user has signed in before, check the claims: they must match exactly.\n";
const RUN_AGAIN: &str =
    "A service that has the user cached can issue tokens for 60 s. Run the command again after 90 s to revoke those.\n";

impl Fixture {
    /// Runs a command for one user. Asserts that it succeeds and prints this state.
    async fn assert_command(&self, command: &str, user: &[&str], subject: &str, state: &str, stderr: &str) {
        let (code, stdout, found) = self.run(&[&[command], user].concat()).await;
        let expected = format!("name      {}\nstate     {state}\n", name(subject));
        assert_eq!((code, &*stdout, &*found), (0, &*expected, stderr), "{command} {user:?}");
    }

    async fn assert_blocked(&self, subject: &str) {
        let refused = self.try_token(subject).await;
        assert!(matches!(refused, Err(Error::Blocked)), "{refused:?}");
    }
}

#[tokio::test]
async fn blocked_user_is_shown_and_exported_and_gets_no_token_until_unblocked() {
    let (fixture, [alice, bob]) = Fixture::with_three_users().await;
    let before = fixture.content("alice");
    // The directory of this process has Alice cached.
    let fixture = Fixture { directory: fixture.reopened(), ..fixture };
    let state = format!("blocked\nidentity  {}", short_hash(&alice));
    // Repeating it is harmless.
    for stderr in [RUN_AGAIN, ""] {
        fixture.assert_command("block", &ENTRA, "alice", &state, stderr).await;
        assert_eq!(fixture.content("alice"), json!({ "identity": before["identity"], "blocked": true }));
        fixture.assert_blocked("alice").await;
    }
    let calls = fixture.api.control("GET", "calls", None).await;
    assert_eq!(calls["revoke-tokens"]["received"], json!(4), "two of them for Bob and Carol");

    // Bob's deletion is completed, and Dave is unknown.
    let [bobs, daves] = ["bob", "dave"].map(|subject| ["--issuer", ISSUER, "--subject", subject]);
    fixture.assert_command("block", &bobs, "bob", &format!("blocked\nidentity  {}", short_hash(&bob)), RUN_AGAIN).await;
    fixture.assert_command("block", &daves, "dave", "blocked", UNKNOWN).await;
    let (_, stdout, _) = fixture.run(&[&["show"], &ENTRA[..]].concat()).await;
    assert!(stdout.contains(&format!("\nstate     {state}\n")), "{stdout}");
    let (code, stdout, stderr) = fixture.run(&["export", "--output", "jsonl"]).await;
    assert_eq!((code, &*stderr), (0, "0 active, 3 blocked, 0 deleting, 1 deleted, 0 unreadable\n"));
    for (subject, identity) in [("alice", json!(alice)), ("bob", json!(null)), ("dave", json!(null))] {
        let line = stdout.lines().find(|line| line.contains(&name(subject))).unwrap();
        assert!(line.contains(&format!(r#""state":"blocked","identity":{identity},"#)), "{line}");
        fixture.assert_blocked(subject).await;
    }

    for state in ["unblocked", "was not blocked"] {
        fixture.assert_command("unblock", &["--name", &name("alice")], "alice", state, "").await;
        assert_eq!(fixture.content("alice"), before);
    }
    assert_eq!(fixture.token("alice").await, alice);
    fixture.assert_command("unblock", &daves, "dave", "unblocked", "").await;
    assert_eq!(fs::read_to_string(fixture.record("dave")).unwrap(), "{}", "a record made for the mark is emptied");
}

#[tokio::test]
async fn failed_revocation_is_an_error_and_the_user_is_blocked() {
    let (fixture, [alice, _]) = Fixture::with_three_users().await;
    let fixture = Fixture { directory: fixture.reopened(), ..fixture };
    fixture.fail_next("revoke-tokens").await;
    let (code, stdout, stderr) = fixture.run(&[&["block"], &ENTRA[..]].concat()).await;
    let start = format!(
        "error: {} may be blocked, but the tokens may be valid; run the command again: ACS answered 403",
        name("alice")
    );
    assert!(code == 1 && stdout.is_empty() && stderr.starts_with(&start), "{stderr}");
    assert!(!stderr.contains(&alice), "{stderr}");
    fixture.assert_blocked("alice").await;
}

#[tokio::test]
async fn repair_keeps_users_blocked() {
    let (fixture, [alice, _]) = Fixture::with_three_users().await;
    let fixture = Fixture { directory: fixture.reopened(), ..fixture };
    // Alice has an identity, Bob's deletion fails again, Carol was deleted, Dave is unknown.
    for subject in ["alice", "bob", "carol", "dave"] {
        if subject == "bob" {
            fixture.fail_next("delete-identity").await;
        }
        fixture.run(&["block", "--name", &name(subject)]).await;
    }
    fixture.acs.delete_identity(&alice.parse().unwrap()).await.unwrap();
    for subject in ["alice", "bob", "carol", "dave"] {
        fixture.set_age(subject, 1000);
        fixture.assert_blocked(subject).await;
    }
    // Bob's deletion is completed; Alice's record is emptied; no record is removed.
    fixture.assert_repair(&["--ask-acs", "--yes"], [2, 1, 1, 0, 0]).await;
    for subject in ["alice", "bob", "carol", "dave"] {
        fixture.set_age(subject, 1000);
        assert_eq!(fixture.content(subject), json!({ "blocked": true }));
    }
    fixture.assert_repair(&["--ask-acs"], [4, 0, 0, 0, 0]).await;
    let (_, _, stderr) = fixture.run(&["export"]).await;
    assert_eq!(stderr, SUMMARY.replace('1', "0").replace("0 blocked", "4 blocked"));
    for subject in ["alice", "bob", "carol", "dave"] {
        fixture.assert_blocked(subject).await;
        fixture.run(&["unblock", "--name", &name(subject)]).await;
        fixture.token(subject).await;
    }
}
