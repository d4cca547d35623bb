//! Guests: concurrent first uses of one pass, the end of a pass, and the sweep.

use std::collections::BTreeSet;

use acs_tokens::{
    directory::{DirectoryKey, DirectorySettings, Error, Issued, Record, State, SweepOutcome},
    guest_pass::GuestPass,
};
use futures_util::future::join_all;

use super::{
    concurrency::{CALLS, is_create},
    fixture::{Fixture, Instance, alice},
    relay::At,
};
use crate::process::until;

/// Makes a first call for each of these guests at once, distributed over the instances. Repeats calls whose answer is that
/// the directory is busy. Returns the answers and the number of repetitions.
async fn first_calls(
    instances: &[Instance],
    pass: &GuestPass,
    guests: impl Iterator<Item = Option<String>>,
) -> (Vec<Result<Issued, Error>>, usize) {
    let call = |(number, guest): (usize, Option<String>)| {
        let (instance, pass) = (instances[number % instances.len()].clone(), pass.clone());
        tokio::spawn(async move { instance.guest_answer(&pass, guest.as_deref()).await })
    };
    let answers = join_all(guests.enumerate().map(call)).await.into_iter().map(Result::unwrap);
    let (answers, repetitions): (Vec<_>, Vec<usize>) = answers.unzip();
    (answers, repetitions.iter().sum())
}

fn names(count: usize) -> impl Iterator<Item = Option<String>> {
    (0..count).map(|number| Some(format!("guest-{number:010}")))
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_first_calls_of_one_guest_leave_one_identity() {
    for fixture in Fixture::each().await {
        let instances = fixture.instances::<2>();
        for (uses, guest) in [(1, None), (1000, Some("one-guest-0123456789".to_owned()))] {
            let pass = instances[0].pass(uses, 1);
            // Both instances create an identity before either receives its own.
            let hold = fixture.acs.hold(0, At::Answer, is_create);
            let guests = std::iter::repeat_n(guest, CALLS);
            let (issued, ()) = tokio::join!(first_calls(&instances, &pass, guests), hold.release_after(2));
            let mut ids = BTreeSet::new();
            for issued in issued.0 {
                let issued = issued.unwrap();
                fixture.assert_issued(&issued).await;
                ids.insert(issued.id.as_str().to_owned());
            }
            assert_eq!(ids, BTreeSet::from([fixture.only_identity().await]));
            for instance in &instances {
                assert_eq!(instance.guests().await, ids);
                assert_eq!(instance.guest_records().await.len(), 1, "the guest has taken one use");
            }
            instances[0].end(&pass).await;
            fixture.assert_no_identity().await;
            // Each turn begins with an empty store.
            remove_all(&fixture, &instances[0]).await;
        }
    }
}

/// Removes the records of passes that have ended.
async fn remove_all(fixture: &Fixture, instance: &Instance) {
    let acs = fixture.client();
    for entry in instance.guest_records().await {
        instance.sweep_record(&acs, entry.name).await;
    }
    assert_eq!(instance.guest_records().await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn crowd_gets_as_many_identities_as_the_pass_has_uses() {
    for fixture in Fixture::each().await {
        let instances = fixture.instances::<2>();
        let pass = instances[0].pass(50, 1);
        let (mut issued, mut refused) = (BTreeSet::new(), 0);
        let (answers, repetitions) = first_calls(&instances, &pass, names(100)).await;
        for answer in answers {
            match answer {
                Ok(token) => {
                    fixture.assert_issued(&token).await;
                    issued.insert(token.id.as_str().to_owned());
                }
                Err(Error::PassUsedUp) => refused += 1,
                Err(error) => panic!("{error:?}"),
            }
        }
        assert_eq!((issued.len(), refused), (50, 50));
        let (existing, created) = fixture.identities().await;
        assert_eq!(existing, issued);
        // A call that could not write its record in time has deleted its identity.
        assert!(created <= 50 + repetitions, "{created} identities were created, with {repetitions} repetitions");
        assert_eq!(instances[1].guests().await, issued);
        // Each guest keeps the identity, and each refused one stays refused, also in a new process.
        let (again, _) = first_calls(&[fixture.instance()], &pass, names(100)).await;
        assert_eq!(again.iter().flatten().map(|token| token.id.as_str().to_owned()).collect::<BTreeSet<_>>(), issued);
        assert_eq!(fixture.identities().await.1, created);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_first_calls_of_one_pass_in_two_processes_leave_one_identity() {
    for fixture in Fixture::each().await {
        let services = [fixture.service().await, fixture.service().await];
        let instance = fixture.instance();
        let pass = format!("Bearer {}", instance.pass(1, 1).expose());
        let call = (http::Method::POST, "guests/token");
        // Both processes create an identity before either receives its own.
        let hold = fixture.acs.hold(0, At::Answer, is_create);
        let calls = join_all((0..CALLS).map(|number| services[number % 2].call(&pass, call.clone())));
        let (answers, ()) = tokio::join!(calls, hold.release_after(2));
        let only = fixture.only_identity().await;
        for answer in answers {
            assert_eq!(answer["user"]["communicationUserId"], *only);
            assert_eq!(fixture.status(answer["token"].as_str().unwrap()).await, "valid");
        }
        assert_eq!(instance.guests().await, BTreeSet::from([only]));
    }
}

#[tokio::test]
async fn pass_that_is_ended_during_first_uses_leaves_no_identity() {
    for fixture in Fixture::each().await {
        let [one, other] = fixture.instances();
        // The end comes between the creation of the identity and the write of the record.
        let pass = one.pass(1, 1);
        let hold = fixture.acs.hold(0, At::Answer, is_create);
        let ((issued, _), ()) = tokio::join!(one.guest_answer(&pass, None), async {
            hold.reached(1).await;
            other.end(&pass).await;
            hold.release();
        });
        assert!(matches!(issued, Err(Error::PassEnded)), "{issued:?}");
        fixture.assert_no_identity().await;
        assert!(matches!(other.guest_answer(&pass, None).await.0, Err(Error::PassEnded)));

        // Another instance has the identity cached.
        let pass = one.pass(2, 1);
        let issued = one.guest_token(&pass, Some("a-guest-0123456789")).await;
        other.end(&pass).await;
        assert_eq!(fixture.status(issued.token.expose()).await, "deleted");
        let (refused, _) = one.guest_answer(&pass, Some("a-guest-0123456789")).await;
        assert!(matches!(refused, Err(Error::PassEnded)), "{refused:?}");
        fixture.assert_no_identity().await;
    }
}

#[tokio::test]
async fn guests_keep_their_identities_while_the_key_is_replaced() {
    for fixture in Fixture::each().await {
        let before = fixture.instance();
        let pass = before.pass(2, 1);
        let id = before.guest_token(&pass, Some("a-guest-0123456789")).await.id;
        let (old, new) = (fixture.store.key(), "bmV3IG5ldyBuZXcgbmV3IG5ldyBuZXcgbmV3IG5ldyE=");
        for keys in [format!("{old},{new}"), format!("{new},{old}")] {
            let key: DirectoryKey = keys.parse().unwrap();
            let settings = DirectorySettings { key, ..fixture.store.settings.clone() };
            let instance = fixture.instance_of(&settings);
            let read = instance.pass_keys().verify(&pass.expose(), jiff::Timestamp::now()).unwrap();
            assert_eq!(instance.guest_token(&read, Some("a-guest-0123456789")).await.id, id);
            assert_eq!(instance.pass_keys().read_id(&pass.id().to_string()), Some(pass.id()));
        }
        assert_eq!(fixture.only_identity().await, id.as_str());
    }
}

#[tokio::test]
async fn records_of_guests_are_no_records_of_users() {
    for fixture in Fixture::each().await {
        let instance = fixture.instance();
        let user = fixture.token(&instance).await;
        instance.guest_token(&instance.pass(1, 1), None).await;
        let records = instance.records().await;
        assert_eq!(records.len(), 1, "{records:?}");
        assert_eq!(instance.recorded(alice()).await, user);
        assert_eq!(instance.guest_records().await.len(), 1);
    }
}

#[tokio::test]
async fn sweep_deletes_what_is_over_and_nothing_else() {
    for fixture in Fixture::each().await {
        let instance = fixture.instance().after_sweep().await;
        // This pass has expired, but not its last tokens.
        instance.guest_token(&instance.pass(1, 0), None).await;
        instance.token(alice()).await;
        let kept = fixture.identities().await.0;
        let over = [instance.pass(2, -3), instance.pass(1, -26), instance.pass(1, -3)];
        for pass in &over {
            instance.guest_token(pass, Some("a-guest-0123456789")).await;
        }
        instance.end(&over[2]).await;
        assert_eq!((kept.len(), fixture.identities().await.0.len()), (3, 5));

        let acs = fixture.client();
        let mut outcomes = instance.sweep(&acs).await;
        outcomes.sort_unstable();
        let expected = [SweepOutcome::Deleted, SweepOutcome::Deleted, SweepOutcome::Removed, SweepOutcome::Removed];
        assert_eq!(outcomes, expected, "an ended pass has two records");
        assert_eq!(fixture.identities().await.0, kept);
        assert_eq!(instance.guest_records().await.len(), 2);
        assert_eq!(instance.sweep(&acs).await, []);
    }
}

#[tokio::test]
async fn calls_of_guests_sweep_what_is_over() {
    for fixture in Fixture::each().await {
        let writer = fixture.instance().after_sweep().await;
        let kept = writer.guests().await;
        for _ in 0..12 {
            writer.guest_token(&writer.pass(1, -3), None).await;
        }
        assert_eq!((kept.len(), writer.guests().await.len()), (1, 13));
        let caller = fixture.instance();
        let pass = caller.pass(1, 1);
        // Five with each call, and one sweep at a time.
        until("the end of the sweeps", async || {
            caller.guest_token(&pass, None).await;
            caller.guest_records().await.len() == 2
        })
        .await;
        assert_eq!(fixture.identities().await.0, caller.guests().await);
        assert!(caller.guests().await.is_superset(&kept));
    }
}

#[tokio::test]
async fn failed_sweep_does_not_fail_the_call_and_keeps_the_record() {
    for fixture in Fixture::each().await {
        let writer = fixture.instance().after_sweep().await;
        writer.guest_token(&writer.pass(1, -3), None).await;
        fixture.fail_next("revoke-tokens").await;
        let caller = fixture.instance();
        let pass = caller.pass(1, 1);
        caller.guest_token(&pass, None).await;
        until("the failed call", async || fixture.acs.count(|line| line.contains(":revokeAccessTokens")) > 0).await;
        let is_marked = |record: &Record| matches!(record.state, State::Deleting(_));
        let records = writer.guest_records().await;
        assert_eq!(records.iter().filter(|entry| is_marked(&entry.record)).count(), 1, "{records:?}");
        // The next one continues.
        until("the next sweep", async || {
            caller.guest_token(&pass, None).await;
            caller.guest_records().await.len() == 2
        })
        .await;
    }
}
