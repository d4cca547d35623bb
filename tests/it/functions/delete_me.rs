//! `DELETE me`.

use serde_json::Value;

use crate::harness::{Answer, Api};

through_each_host! { people: forgets_oneself_and_nobody_else, has_nothing_to_forget_of_a_newcomer, forgets_an_identity_that_is_gone }

async fn forget(api: &Api, person: &str) {
    let answer = Answer::of(api.of(person, "DELETE", "/api/me")).await;
    answer.assert_ok(204);
    assert_eq!(answer.body, "");
}

async fn forgets_oneself_and_nobody_else(api: Api) {
    let (alice, bob) = (api.person("alice").await, api.person("bob").await);
    let (own, bobs) = (api.own_token(&alice).await, api.own_token(&bob).await);
    // Twice is as good as once.
    for _ in 0..2 {
        forget(&api, &alice).await;
        assert_eq!(api.token_status(&own.token).await, "deleted");
        assert_ne!(api.identity(&own.id).await["deletedAt"], Value::Null);
    }
    assert_eq!(api.token_status(&bobs.token).await, "valid");
    assert_eq!(api.own_token(&bob).await.id, bobs.id);
    // Who comes back is somebody new.
    let next = api.own_token(&alice).await;
    assert_ne!(next.id, own.id);
    assert_eq!((api.token_status(&next.token).await.as_str(), api.identities().await), ("valid", 3));
}

async fn has_nothing_to_forget_of_a_newcomer(api: Api) {
    let alice = api.person("alice").await;
    forget(&api, &alice).await;
    assert_eq!((api.identities().await, api.upstream_calls().await), (0, 0));
}

async fn forgets_an_identity_that_is_gone(api: Api) {
    let alice = api.person("alice").await;
    let before = api.own_token(&alice).await;
    assert_eq!(api.delete(&format!("/api/identities/{}", before.id)).await.status, 204);
    forget(&api, &alice).await;
    assert_ne!(api.own_token(&alice).await.id, before.id);
}
