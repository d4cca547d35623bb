//! Concurrent first calls: one identity, one record, valid tokens, and no other identities left.

use std::collections::BTreeSet;

use acs_tokens::directory::{Issued, UserId};
use futures_util::future::join_all;

use super::{
    fixture::{ALICE, Fixture, Instance, alice, user},
    relay::At,
};

pub(crate) const CALLS: usize = 100;

/// Makes concurrent calls, distributed over the instances and users. Returns the identities of the tokens, all valid.
async fn identities(fixture: &Fixture, instances: &[Instance], users: &[UserId], calls: usize) -> BTreeSet<String> {
    let call = |number: usize| {
        let instance = instances[number % instances.len()].clone();
        let user = users[number / instances.len() % users.len()];
        tokio::spawn(async move { instance.token(user).await })
    };
    let mut identities = BTreeSet::new();
    for issued in join_all((0..calls).map(call)).await {
        let issued: Issued = issued.unwrap();
        fixture.assert_issued(&issued).await;
        identities.insert(issued.id.as_str().to_owned());
    }
    identities
}

/// Asserts that the store has one record, of this identity.
async fn assert_only_record(instance: &Instance, id: &str) {
    let records = instance.records().await;
    assert_eq!(records.len(), 1, "{records:?}");
    assert_eq!(records[0].record.identity().unwrap().as_str(), id);
}

pub(crate) fn is_create(line: &str) -> bool {
    line.starts_with("POST /identities?")
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_first_calls_in_two_instances_leave_one_identity() {
    for fixture in Fixture::each().await {
        let (instances, users) = (fixture.instances::<2>(), [alice()]);
        // Both instances create an identity before either receives its own.
        let hold = fixture.acs.hold(0, At::Answer, is_create);
        let (used, ()) = tokio::join!(identities(&fixture, &instances, &users, CALLS), hold.release_after(2));

        let only = fixture.only_identity().await;
        assert_eq!(used, BTreeSet::from([only.clone()]));
        assert_eq!(fixture.logged_identities().await, used);
        assert!(fixture.identities().await.1 >= 2, "there was no race");
        for instance in &instances {
            assert_only_record(instance, &only).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_calls_of_different_users_do_not_interfere() {
    for fixture in Fixture::each().await {
        let instances = fixture.instances::<3>();
        let users: Vec<UserId> = (1..=30).map(user).collect();
        let used = identities(&fixture, &instances, &users, 30 * 3 * 2).await;

        assert_eq!(used.len(), users.len());
        assert_eq!(fixture.identities().await.0, used);
        assert_eq!(fixture.logged_identities().await, used);
        assert_eq!(instances[0].records().await.len(), users.len());
        for user in users {
            let id = instances[0].recorded(user).await;
            for instance in &instances {
                assert_eq!(instance.token(user).await.id.as_str(), id);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_first_calls_in_one_instance_create_one_identity() {
    for fixture in Fixture::each().await {
        let used = identities(&fixture, &fixture.instances::<1>(), &[alice()], CALLS).await;
        assert_eq!(used, BTreeSet::from([fixture.only_identity().await]));
        assert_eq!(fixture.acs.count(is_create), 1);
        assert_eq!(fixture.acs.count(|_| true), CALLS, "the first token is created along with the identity");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_first_calls_in_two_processes_leave_one_identity() {
    for fixture in Fixture::each().await {
        let services = [fixture.service().await, fixture.service().await];
        let authorization = fixture.sign_in(ALICE).await;
        // Both processes create an identity before either writes a record.
        let block = fixture.store.block_writes();
        let calls = join_all((0..CALLS).map(|number| services[number % 2].token(&authorization)));
        let (tokens, ()) = tokio::join!(calls, async {
            fixture.called("create-identity", 2).await;
            block.release();
        });

        let only = fixture.only_identity().await;
        assert!(fixture.identities().await.1 >= 2, "there was no race");
        for issued in tokens {
            assert_eq!(issued.0, only);
            fixture.assert_token(&issued).await;
        }
        assert_only_record(&fixture.instance(), &only).await;
    }
}
