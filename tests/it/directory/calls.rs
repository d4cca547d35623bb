//! The number of calls to ACS and to the store.

use serde_json::{Value, json};

use super::fixture::{ALICE, Fixture, alice, user};

#[tokio::test]
async fn a_cached_user_takes_one_call_to_acs_and_none_to_the_store() {
    for fixture in Fixture::each().await {
        let store = &fixture.store;
        fixture.instance().token(alice()).await;

        // An instance reads the record once.
        let [instance, other] = fixture.instances();
        let (requests, calls) = (store.requests(), fixture.acs.count(|_| true));
        instance.token(alice()).await;
        assert_eq!(fixture.acs.count(|_| true) - calls, 1);
        assert!(store.requests() > requests || store.relay.is_none());

        let (hidden, requests) = (store.hide(), store.requests());
        for calls in calls + 2..=calls + 11 {
            let issued = instance.try_token(alice()).await.unwrap();
            assert_eq!(fixture.acs.count(|_| true), calls);
            fixture.assert_issued(&issued).await;
        }
        assert_eq!(store.requests(), requests);
        if hidden {
            // Without the store, a user who is not cached gets an error and no identity.
            other.try_token(alice()).await.unwrap_err();
            instance.try_token(user(2)).await.unwrap_err();
            fixture.only_identity().await;
            store.restore();
        }
        fixture.token(&other).await;
    }
}

#[tokio::test]
async fn my_token_for_a_cached_user_makes_one_call() {
    for fixture in Fixture::each().await {
        let service = fixture.service().await;
        let authorization = fixture.sign_in(ALICE).await;
        let (id, _) = service.token(&authorization).await;
        let (hidden, requests) = (fixture.store.hide(), fixture.store.requests());
        fixture.control("DELETE", "calls", &Value::Null).await;
        for _ in 0..10 {
            let issued = service.token(&authorization).await;
            fixture.assert_token(&issued).await;
            assert_eq!(issued.0, id);
        }
        let calls = fixture.control("GET", "calls", &Value::Null).await;
        assert_eq!(calls, json!({ "issue-token": { "received": 10, "faulted": 0 } }));
        assert_eq!(fixture.store.requests(), requests);
        if hidden {
            fixture.store.restore();
        }
    }
}
