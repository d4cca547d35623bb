//! `DELETE identities/{id}/tokens`.

use crate::harness::{Api, FOREIGN_ID, assert_token};

through_each_host! { revokes_every_token, invalid_id_is_refused, unknown_identity_is_not_found }

async fn revokes_every_token(api: Api) {
    let path = format!("/api/identities/{}/tokens", api.new_identity().await);
    let token = assert_token(&api.post(&path, r#"{"scopes":["voip"]}"#).await.json(), 1440);
    for _ in 0..2 {
        let answer = api.delete(&path).await;
        answer.assert_ok(204);
        assert_eq!(answer.body, "");
        assert_eq!(api.token_status(&token).await, "revoked");
    }
}

async fn invalid_id_is_refused(api: Api) {
    api.delete("/api/identities/8:acs:x/tokens").await.assert_code(400, "invalid-identity-id", &[]);
    assert_eq!(api.upstream_calls().await, 0);
}

async fn unknown_identity_is_not_found(api: Api) {
    api.delete(&format!("/api/identities/{FOREIGN_ID}/tokens")).await.assert_code(404, "identity-not-found", &[]);
}
