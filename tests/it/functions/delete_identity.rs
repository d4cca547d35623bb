//! `DELETE identities/{id}`.

use crate::harness::{Api, FOREIGN_ID, assert_token};

through_each_host! { deletes_the_identity_and_its_tokens, invalid_id_is_refused, unknown_identity_is_not_found }

async fn deletes_the_identity_and_its_tokens(api: Api) {
    let path = format!("/api/identities/{}", api.new_identity().await);
    let tokens = format!("{path}/tokens");
    let token = assert_token(&api.post(&tokens, r#"{"scopes":["voip"]}"#).await.json(), 1440);
    let answer = api.delete(&path).await;
    answer.assert_ok(204);
    assert_eq!(answer.body, "");
    assert_eq!(api.token_status(&token).await, "deleted");
    for answer in
        [api.delete(&path).await, api.delete(&tokens).await, api.post(&tokens, r#"{"scopes":["voip"]}"#).await]
    {
        answer.assert_code(404, "identity-not-found", &[]);
    }
}

async fn invalid_id_is_refused(api: Api) {
    api.delete("/api/identities/tokens").await.assert_code(400, "invalid-identity-id", &[]);
    assert_eq!(api.upstream_calls().await, 0);
}

async fn unknown_identity_is_not_found(api: Api) {
    api.delete(&format!("/api/identities/{FOREIGN_ID}")).await.assert_code(404, "identity-not-found", &[]);
}
