//! Users blocked and unblocked while the key of the directory is replaced: no mark is lost, and none comes back.

use acs_tokens::directory::{DirectoryAdmin, RecordSelector};

use super::{
    fixture::{Fixture, alice},
    rekey::{folder, instance, keys, rekey, settings},
    store::TestStore,
};

/// Returns a directory in which a move was interrupted, so that Alice has a record under each key. Returns the old key,
/// the new one, and both.
async fn interrupted_move() -> (Fixture, [String; 3]) {
    let fixture = folder().await;
    let [old, new] = keys(&fixture);
    let turned = format!("{new},{old}");
    fixture.token(&fixture.instance()).await;
    let before = fixture.store.records();
    assert_eq!(rekey(&fixture, &turned).await, [0, 1, 0]);
    TestStore::restore_records(&before);
    (fixture, [old, new, turned])
}

#[tokio::test]
async fn blocked_user_is_refused_by_instances_with_either_key() {
    let (fixture, keys) = interrupted_move().await;
    let [_, _, turned] = &keys;
    let id = fixture.only_identity().await;
    instance(&fixture, turned).block(alice()).await;
    for key in &keys {
        instance(&fixture, key).assert_refused(alice()).await;
    }
    let admin = DirectoryAdmin::open(&settings(&fixture, turned)).unwrap();
    for was_blocked in [true, false] {
        assert_eq!(admin.unblock(RecordSelector::User(alice())).await.unwrap(), was_blocked);
    }
    for key in &keys {
        assert_eq!(fixture.token(&instance(&fixture, key)).await, id);
    }
    // The move does not bring the mark back.
    assert_eq!(rekey(&fixture, turned).await, [1, 1, 0]);
    assert_eq!(fixture.token(&instance(&fixture, turned)).await, id);
}

#[tokio::test]
async fn move_keeps_a_user_blocked_whose_mark_is_in_either_record() {
    for marked in [0, 1] {
        let (fixture, keys) = interrupted_move().await;
        let [_, new, turned] = &keys;
        // This instance knows one key only, as if its call had read the record before the move began.
        instance(&fixture, &keys[marked]).block(alice()).await;
        assert_eq!(rekey(&fixture, turned).await, [1, 1, 0]);
        for key in [new, turned] {
            instance(&fixture, key).assert_refused(alice()).await;
        }
    }
}

#[tokio::test]
async fn user_blocked_without_an_identity_stays_blocked_when_an_identity_is_moved() {
    for deletion in [false, true] {
        let fixture = folder().await;
        let [old, new] = keys(&fixture);
        let turned = format!("{new},{old}");
        let before = fixture.instance();
        let issued = before.token(alice()).await;
        if deletion {
            fixture.fail_next("delete-identity").await;
            before.try_delete(alice()).await.unwrap_err();
        }
        // The mark is under the new key, and the identity under the old one.
        instance(&fixture, &new).block(alice()).await;
        assert_eq!(rekey(&fixture, &turned).await, [1, 1, 0]);
        for key in [&new, &turned] {
            instance(&fixture, key).assert_refused(alice()).await;
        }
        instance(&fixture, &turned).block(alice()).await;
        let status = if deletion { "deleted" } else { "revoked" };
        assert_eq!(fixture.status(issued.token.expose()).await, status);
    }
}
