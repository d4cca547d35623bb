//! `POST users/unblock`.

use super::block_user::change;
use crate::harness::Api;

through_each_host! {
    users: unblocked_user_keeps_the_identity_and_revoked_tokens_stay_revoked, user_who_is_not_blocked_keeps_the_tokens,
    unblocked_user_without_an_identity_gets_one,
}

async fn unblocked_user_keeps_the_identity_and_revoked_tokens_stay_revoked(api: Api) {
    let alice = api.sign_in_as("alice").await;
    let own = api.own_token(&alice).await;
    change(&api, "block", "alice").await;
    // The request is idempotent.
    for _ in 0..2 {
        change(&api, "unblock", "alice").await;
    }
    let next = api.own_token(&alice).await;
    assert_eq!(next.id, own.id);
    assert_eq!(api.token_status(&next.token).await, "valid");
    assert_eq!(api.token_status(&own.token).await, "revoked");
    assert_eq!(api.identities().await, 1);
}

async fn user_who_is_not_blocked_keeps_the_tokens(api: Api) {
    let alice = api.sign_in_as("alice").await;
    let own = api.own_token(&alice).await;
    let calls = api.upstream_calls().await;
    change(&api, "unblock", "alice").await;
    change(&api, "unblock", "bob").await;
    assert_eq!(api.upstream_calls().await, calls);
    assert_eq!(api.token_status(&own.token).await, "valid");
    assert_eq!(api.own_token(&alice).await.id, own.id);
}

async fn unblocked_user_without_an_identity_gets_one(api: Api) {
    change(&api, "block", "alice").await;
    change(&api, "unblock", "alice").await;
    let own = api.own_token(&api.sign_in_as("alice").await).await;
    assert_eq!((api.token_status(&own.token).await.as_str(), api.identities().await), ("valid", 1));
}
