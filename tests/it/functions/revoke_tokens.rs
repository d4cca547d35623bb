//! `DELETE identities/{id}/tokens`.

use crate::harness::{Api, FOREIGN_ID, assert_token};

through_each_host! { ends_every_token, refuses_what_is_no_id, does_not_find_a_foreign_identity }

async fn ends_every_token(api: Api) {
    let path = format!("/api/identities/{}/tokens", api.new_identity().await);
    let token = assert_token(&api.post(&path, r#"{"scopes":["voip"]}"#).await.json(), 1440);
    for _ in 0..2 {
        let answer = api.delete(&path).await;
        answer.assert_ok(204);
        assert_eq!(answer.body, "");
        assert_eq!(api.token_status(&token).await, "revoked");
    }
}

async fn refuses_what_is_no_id(api: Api) {
    let detail = "The path holds no ACS identity id. One looks like 8:acs:<resource guid>_<user guid>.";
    let answer = api.delete("/api/identities/8:acs:x/tokens").await;
    answer.assert_problem(400, "invalid-identity-id", "Not an identity id", detail, &[]);
    assert_eq!(api.upstream_calls().await, 0);
}

async fn does_not_find_a_foreign_identity(api: Api) {
    let detail = "The identity is not one of this ACS resource: it was deleted, or belongs to another resource.";
    let answer = api.delete(&format!("/api/identities/{FOREIGN_ID}/tokens")).await;
    answer.assert_problem(404, "identity-not-found", "No such identity", detail, &[]);
}
