//! Lost identities, outdated caches and failed calls: the next call repairs them.

use acs_tokens::directory::State;
use serde_json::{Value, json};

use super::{
    concurrency::is_create,
    fixture::{Fixture, alice},
    relay::At,
};

impl Fixture {
    /// Deletes the identity without the directory.
    pub(crate) async fn delete_identity(&self) {
        let id = self.only_identity().await.parse().unwrap();
        self.client().delete_identity(&id).await.unwrap();
    }

    /// Makes the next call of an operation fail.
    pub(crate) async fn fail_next(&self, operation: &str) {
        let body = r#"{"error":{"code":"Denied","message":""}}"#;
        let fault = json!({ "operation": operation, "answer": { "status": 403, "body": body } });
        self.control("POST", "faults", &fault).await;
    }
}

#[tokio::test]
async fn identity_missing_from_acs_is_replaced() {
    for code in ["IdentityNotOwned", "IdentityNotFound"] {
        for fixture in Fixture::each().await {
            let [one, two] = fixture.instances();
            let mut last = fixture.token(&one).await;
            assert_eq!(fixture.token(&two).await, last);

            // The identity is deleted, or the whole resource is recreated; the instance has it cached, or not.
            for (recreate, cached) in [(false, true), (true, true), (false, false), (true, false)] {
                if recreate {
                    fixture.control("POST", "reset", &Value::Null).await;
                } else {
                    fixture.delete_identity().await;
                }
                fixture.control("PUT", "settings", &json!({ "gone": code })).await;
                let one = if cached { one.clone() } else { fixture.instance() };
                let id = fixture.token(&one).await;
                assert_ne!(id, last);
                assert_eq!(fixture.token(&two).await, id, "the other instance has the former identity cached");
                last = id;
            }
        }
    }
}

#[tokio::test]
async fn two_instances_replace_a_missing_identity_by_one() {
    for fixture in Fixture::each().await {
        let [one, two] = fixture.instances();
        let first = fixture.token(&one).await;
        assert_eq!(fixture.token(&two).await, first);
        fixture.delete_identity().await;

        let hold = fixture.acs.hold(0, At::Answer, is_create);
        let (issued, other, ()) = tokio::join!(one.token(alice()), two.token(alice()), hold.release_after(2));
        fixture.assert_issued(&issued).await;
        fixture.assert_issued(&other).await;
        let only = fixture.only_identity().await;
        assert_eq!((issued.id.as_str(), other.id.as_str()), (&*only, &*only));
        assert_eq!(one.recorded(alice()).await, only);
    }
}

#[tokio::test]
async fn revocation_and_deletion_apply_to_the_current_identity() {
    for fixture in Fixture::each().await {
        let [one, two] = fixture.instances();
        let first = fixture.token(&two).await;
        assert!(one.delete(alice()).await);
        let issued = one.token(alice()).await;
        assert_ne!(issued.id.as_str(), first);
        fixture.assert_issued(&issued).await;

        // `two` has the former identity cached.
        assert_eq!(two.revoke(alice()).await.as_deref(), Some(issued.id.as_str()));
        assert_eq!(fixture.status(issued.token.expose()).await, "revoked");
        assert_eq!(fixture.token(&two).await, issued.id.as_str());
        assert!(one.delete(alice()).await);
        let second = fixture.token(&one).await;
        assert!(two.delete(alice()).await);
        fixture.assert_no_identity().await;
        assert!(fixture.logged_identities().await.is_empty());

        // ACS has no identity.
        assert_ne!(fixture.token(&one).await, second);
        fixture.delete_identity().await;
        assert_eq!(one.revoke(alice()).await, None);
        let third = fixture.token(&two).await;
        fixture.delete_identity().await;
        one.delete(alice()).await;
        fixture.assert_no_identity().await;
        assert_ne!(fixture.token(&two).await, third);
    }
}

#[tokio::test]
async fn revocation_and_deletion_of_an_unknown_user_do_not_call_acs() {
    for fixture in Fixture::each().await {
        let instance = fixture.instance();
        assert_eq!(instance.revoke(alice()).await, None);
        assert!(!instance.delete(alice()).await);
        assert_eq!(instance.record(alice()).await, None);
        assert_eq!(fixture.acs.count(|_| true), 0);
    }
}

#[tokio::test]
async fn failed_deletion_is_completed_by_the_next_call_of_any_kind() {
    for step in ["revoke-tokens", "delete-identity"] {
        for next in ["token", "revoke", "delete"] {
            for fixture in Fixture::each().await {
                let [one, two] = fixture.instances();
                let first = fixture.token(&one).await;
                fixture.fail_next(step).await;
                one.try_delete(alice()).await.unwrap_err();
                assert_eq!(fixture.only_identity().await, first);

                match next {
                    "token" => assert_ne!(fixture.token(&two).await, first),
                    "revoke" => assert_eq!(two.revoke(alice()).await, None),
                    _ => assert!(two.delete(alice()).await),
                }
                let (existing, created) = fixture.identities().await;
                let returned = usize::from(next == "token");
                assert_eq!((existing.len(), created), (returned, 1 + returned), "{step}, {next}");
                assert_eq!(one.record(alice()).await == Some(State::Deleted.into()), next != "token");
            }
        }
    }
}

/// An instance that has the user cached does not read the record.
#[tokio::test]
async fn failed_deletion_is_not_completed_by_a_token_call_of_an_instance_with_the_user_cached() {
    for fixture in Fixture::each().await {
        let [one, two] = fixture.instances();
        let first = fixture.token(&two).await;
        fixture.fail_next("revoke-tokens").await;
        one.try_delete(alice()).await.unwrap_err();

        assert_eq!(fixture.token(&two).await, first);
        assert_eq!(two.revoke(alice()).await, Some(first.clone()));
        assert!(two.delete(alice()).await);
        fixture.assert_no_identity().await;
        assert_ne!(fixture.token(&two).await, first);
    }
}

/// The store has written the record, but the answer is lost. A retry fails, since the record has changed.
#[tokio::test]
async fn lost_answer_to_a_write_leaves_no_second_identity() {
    for fixture in Fixture::each().await {
        let Some(relay) = &fixture.store.relay else { continue };
        let instance = fixture.instance();
        let hold = relay.hold(0, At::Answer, |line| line.starts_with("PUT "));
        let (id, ()) = tokio::join!(fixture.token(&instance), async {
            hold.reached(1).await;
            hold.discard();
        });
        assert_eq!(instance.recorded(alice()).await, id);
        assert_eq!(fixture.identities().await.1, 1);
    }
}
