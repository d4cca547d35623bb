//! The key of the directory replaced by another one while users call: no user is lost, and none gets a second identity.

use std::{collections::BTreeSet, sync::Arc};

use acs_tokens::directory::{DirectoryAdmin, DirectorySettings, Error, RekeyOutcome};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures_util::{TryStreamExt as _, future::join_all};
use uuid::Uuid;

use super::{
    concurrency::is_create,
    fixture::{Fixture, Instance, alice, user},
    relay::At,
    store::TestStore,
};
use crate::harness;

/// The key of a fixture's store, and a new one.
pub(super) fn keys(fixture: &Fixture) -> [String; 2] {
    let new = STANDARD.encode([Uuid::new_v4(), Uuid::new_v4()].map(Uuid::into_bytes).concat());
    [fixture.store.key().to_owned(), new]
}

pub(super) fn settings(fixture: &Fixture, key: &str) -> DirectorySettings {
    DirectorySettings { key: key.parse().unwrap(), ..fixture.store.settings.clone() }
}

pub(super) fn instance(fixture: &Fixture, key: &str) -> Instance {
    fixture.instance_of(&settings(fixture, key))
}

/// Moves all records. Returns the numbers of unchanged, moved and remaining records.
pub(super) async fn rekey(fixture: &Fixture, key: &str) -> [usize; 3] {
    let admin = DirectoryAdmin::open(&settings(fixture, key)).unwrap();
    let mut counts = [0; 3];
    for name in admin.names().try_collect::<Vec<_>>().await.unwrap() {
        let outcome = match admin.rekey(name).await {
            // Calls of the user changed the record each time.
            Err(Error::Contended) => continue,
            outcome => outcome.unwrap(),
        };
        let outcomes = [RekeyOutcome::Unchanged, RekeyOutcome::Moved, RekeyOutcome::WithoutUser];
        counts[outcomes.iter().position(|other| *other == outcome).unwrap()] += 1;
    }
    counts
}

pub(super) async fn folder() -> Fixture {
    Fixture::new(Arc::new(TestStore::folder()), harness::emulator().await.0).await
}

#[tokio::test]
async fn key_is_replaced_in_the_documented_steps_and_each_user_keeps_the_identity() {
    for fixture in Fixture::each().await {
        let [old, new] = keys(&fixture);
        let (both, turned) = (format!("{old},{new}"), format!("{new},{old}"));
        let mut ids = Vec::new();
        for (step, key) in [&old, &both, &turned].into_iter().enumerate() {
            // An instance of the step before may still run.
            let instance = instance(&fixture, key);
            ids.push(instance.token(user(u8::try_from(step).unwrap())).await.id);
            for (user_of_step, id) in ids.iter().enumerate() {
                assert_eq!(instance.token(user(u8::try_from(user_of_step).unwrap())).await.id, *id, "{step}");
            }
        }
        let blocked = user(100);
        instance(&fixture, &both).token(blocked).await;
        instance(&fixture, &turned).block(blocked).await;

        assert_eq!(rekey(&fixture, &turned).await, [1, 3, 0]);
        // Again: the records of the old key are empty now.
        assert_eq!(rekey(&fixture, &turned).await, [4 + 3, 0, 0]);
        for key in [&turned, &new] {
            let instance = instance(&fixture, key);
            for (user_of_step, id) in ids.iter().enumerate() {
                assert_eq!(instance.token(user(u8::try_from(user_of_step).unwrap())).await.id, *id);
            }
            instance.assert_refused(blocked).await;
        }
        assert_eq!(fixture.identities().await.1, 4, "no user got another identity");
    }
}

#[tokio::test]
async fn record_of_an_earlier_version_is_moved_after_the_next_call_of_its_user() {
    for call in ["token", "revoke"] {
        let fixture = folder().await;
        let [old, new] = keys(&fixture);
        let turned = format!("{new},{old}");
        let id = fixture.token(&fixture.instance()).await;
        fixture.store.overwrite_records(format!(r#"{{"identity":"{id}"}}"#).as_bytes());

        assert_eq!(rekey(&fixture, &turned).await, [0, 0, 1]);
        let instance_of_both = instance(&fixture, &turned);
        match call {
            "token" => assert_eq!(fixture.token(&instance_of_both).await, id),
            _ => assert_eq!(instance_of_both.revoke(alice()).await, Some(id.clone())),
        }
        assert_eq!(rekey(&fixture, &turned).await, [0, 1, 0], "{call}");
        assert_eq!(fixture.token(&instance(&fixture, &new)).await, id);
    }
}

/// A process that is killed between the copy and the emptying leaves two records.
#[tokio::test]
async fn interrupted_move_is_completed_by_the_next_one_and_keeps_later_changes() {
    for change in ["none", "deletion", "block", "failed deletion of the old record"] {
        let fixture = folder().await;
        let [old, new] = keys(&fixture);
        let turned = format!("{new},{old}");
        let id = fixture.token(&fixture.instance()).await;
        let before = fixture.store.records();
        assert_eq!(rekey(&fixture, &turned).await, [0, 1, 0]);
        TestStore::restore_records(&before);

        let both = instance(&fixture, &turned);
        match change {
            "deletion" => assert!(both.delete(alice()).await),
            "block" => both.block(alice()).await,
            "failed deletion of the old record" => {
                fixture.fail_next("revoke-tokens").await;
                instance(&fixture, &old).try_delete(alice()).await.unwrap_err();
            }
            _ => {}
        }
        assert_eq!(rekey(&fixture, &turned).await, [1, 1, 0], "{change}");
        let after = instance(&fixture, &new);
        match change {
            "none" => assert_eq!(fixture.token(&after).await, id),
            "block" => after.assert_refused(alice()).await,
            _ => assert_ne!(fixture.token(&after).await, id, "{change}"),
        }
    }
}

#[tokio::test]
async fn identity_missing_from_acs_is_replaced_in_the_record_of_the_old_key() {
    let fixture = folder().await;
    let [old, new] = keys(&fixture);
    let turned = format!("{new},{old}");
    let first = fixture.token(&fixture.instance()).await;
    fixture.client().delete_identity(&first.parse().unwrap()).await.unwrap();
    let second = fixture.token(&instance(&fixture, &turned)).await;
    assert_ne!(second, first);
    assert_eq!(fixture.instance().recorded(alice()).await, second);
    assert_eq!(rekey(&fixture, &turned).await, [0, 1, 0]);
    assert_eq!(fixture.token(&instance(&fixture, &new)).await, second);
    assert_eq!(fixture.identities().await.1, 2);
}

#[tokio::test]
async fn record_of_another_identity_is_not_replaced() {
    let fixture = folder().await;
    let [old, new] = keys(&fixture);
    fixture.token(&fixture.instance()).await;
    instance(&fixture, &new).token(alice()).await;
    let admin = DirectoryAdmin::open(&settings(&fixture, &format!("{new},{old}"))).unwrap();
    let (before, mut errors) = (fixture.store.records(), Vec::new());
    for name in admin.names().try_collect::<Vec<_>>().await.unwrap() {
        errors.extend(admin.rekey(name).await.err().map(|error| acs_identity::causes(&error)));
    }
    assert!(errors.len() == 1 && errors[0].contains("has another identity"), "{errors:?}");
    assert_eq!(fixture.store.records(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn rekey_while_users_call_loses_no_record_and_no_identity() {
    for fixture in Fixture::each().await {
        let [old, new] = keys(&fixture);
        let turned = format!("{new},{old}");
        let users: Vec<_> = (1..=20).map(user).collect();
        let before = instance(&fixture, &old);
        join_all(users.iter().map(|user| before.token(*user))).await;

        let instances = [instance(&fixture, &turned), instance(&fixture, &turned)];
        let calls = join_all(users.iter().enumerate().map(|(number, user)| {
            let [one, two] = instances.clone();
            async move {
                one.token(*user).await;
                if number % 2 == 0 {
                    two.delete(*user).await;
                }
                two.token(*user).await;
                one.revoke(*user).await;
            }
        }));
        let moves = async {
            for _ in 0..5 {
                rekey(&fixture, &turned).await;
            }
        };
        tokio::join!(calls, moves);
        assert_eq!(rekey(&fixture, &turned).await[1..], [0, 0], "nothing is left to move");

        let after = instance(&fixture, &new);
        let held = join_all(users.iter().map(|user| after.token(*user))).await;
        let held: BTreeSet<String> = held.into_iter().map(|issued| issued.id.as_str().to_owned()).collect();
        assert_eq!(held.len(), users.len());
        assert_eq!(fixture.identities().await.0, held);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_first_calls_with_the_keys_in_both_orders_leave_one_identity() {
    for fixture in Fixture::each().await {
        let [old, new] = keys(&fixture);
        let one = instance(&fixture, &format!("{old},{new}"));
        let two = instance(&fixture, &format!("{new},{old}"));
        // Both instances have read both records before either writes one.
        let hold = fixture.acs.hold(0, At::Answer, is_create);
        let (first, second, ()) = tokio::join!(one.token(alice()), two.token(alice()), hold.release_after(2));
        let only = fixture.only_identity().await;
        for issued in [first, second, one.token(alice()).await, two.token(alice()).await] {
            assert_eq!(issued.id.as_str(), only);
            fixture.assert_issued(&issued).await;
        }
        let records = one.records().await;
        assert_eq!(records.iter().filter(|entry| entry.record.identity().is_some()).count(), 1, "{records:?}");
    }
}
