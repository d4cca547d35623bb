//! `DELETE me/tokens`.

use serde_json::Value;

use crate::harness::{Answer, Api};

through_each_host! {
    users: revokes_the_users_own_tokens_only, user_without_identity_costs_no_acs_call, deleted_identity_is_not_replaced,
}

async fn revoke(api: &Api, user: &str) {
    let answer = Answer::of(api.of(user, "DELETE", "/api/me/tokens")).await;
    answer.assert_ok(204);
    assert_eq!(answer.body, "");
}

async fn revokes_the_users_own_tokens_only(api: Api) {
    let (alice, bob) = (api.sign_in_as("alice").await, api.sign_in_as("bob").await);
    let tokens = [api.own_token(&alice).await, api.own_token(&alice).await];
    let bobs = api.own_token(&bob).await;
    // The request is idempotent.
    for _ in 0..2 {
        revoke(&api, &alice).await;
        for token in &tokens {
            assert_eq!(api.token_status(&token.token).await, "revoked");
        }
    }
    assert_eq!(api.token_status(&bobs.token).await, "valid");
    assert_eq!(api.identity(&bobs.id).await["tokensRevokedAt"], Value::Null);
    // The user keeps the identity.
    let next = api.own_token(&alice).await;
    assert_eq!(next.id, tokens[0].id);
    assert_eq!(api.token_status(&next.token).await, "valid");
}

async fn user_without_identity_costs_no_acs_call(api: Api) {
    let alice = api.sign_in_as("alice").await;
    revoke(&api, &alice).await;
    assert_eq!((api.identities().await, api.upstream_calls().await), (0, 0));
}

async fn deleted_identity_is_not_replaced(api: Api) {
    let alice = api.sign_in_as("alice").await;
    let token = api.own_token(&alice).await;
    assert_eq!(api.delete(&format!("/api/identities/{}", token.id)).await.status, 204);
    revoke(&api, &alice).await;
    assert_eq!((api.token_status(&token.token).await.as_str(), api.identities().await), ("deleted", 1));
}
