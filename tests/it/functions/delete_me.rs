//! `DELETE me`.

use serde_json::Value;

use crate::harness::{Answer, Api};

through_each_host! {
    users: deletes_the_users_own_identity_only, user_without_identity_costs_no_acs_call, record_of_a_deleted_identity_is_deleted,
}

async fn delete_me(api: &Api, user: &str) {
    let answer = Answer::of(api.of(user, "DELETE", "/api/me")).await;
    answer.assert_ok(204);
    assert_eq!(answer.body, "");
}

async fn deletes_the_users_own_identity_only(api: Api) {
    let (alice, bob) = (api.sign_in_as("alice").await, api.sign_in_as("bob").await);
    let (own, bobs) = (api.own_token(&alice).await, api.own_token(&bob).await);
    // The request is idempotent.
    for _ in 0..2 {
        delete_me(&api, &alice).await;
        assert_eq!(api.token_status(&own.token).await, "deleted");
        assert_ne!(api.identity(&own.id).await["deletedAt"], Value::Null);
    }
    assert_eq!(api.token_status(&bobs.token).await, "valid");
    assert_eq!(api.own_token(&bob).await.id, bobs.id);
    // At the next request, the user gets another identity.
    let next = api.own_token(&alice).await;
    assert_ne!(next.id, own.id);
    assert_eq!((api.token_status(&next.token).await.as_str(), api.identities().await), ("valid", 3));
}

async fn user_without_identity_costs_no_acs_call(api: Api) {
    let alice = api.sign_in_as("alice").await;
    delete_me(&api, &alice).await;
    assert_eq!((api.identities().await, api.upstream_calls().await), (0, 0));
}

async fn record_of_a_deleted_identity_is_deleted(api: Api) {
    let alice = api.sign_in_as("alice").await;
    let before = api.own_token(&alice).await;
    assert_eq!(api.delete(&format!("/api/identities/{}", before.id)).await.status, 204);
    delete_me(&api, &alice).await;
    assert_ne!(api.own_token(&alice).await.id, before.id);
}
