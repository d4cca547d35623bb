//! `DELETE identities/{id}`.

use crate::harness::{Api, FOREIGN_ID, assert_token};

through_each_host! { ends_the_identity_and_its_tokens, refuses_what_is_no_id, does_not_find_a_foreign_identity }

const GONE: &str = "The identity is not one of this ACS resource: it was deleted, or belongs to another resource.";

async fn ends_the_identity_and_its_tokens(api: Api) {
    let path = format!("/api/identities/{}", api.new_identity().await);
    let tokens = format!("{path}/tokens");
    let token = assert_token(&api.post(&tokens, r#"{"scopes":["voip"]}"#).await.json(), 1440);
    let answer = api.delete(&path).await;
    answer.assert_ok(204);
    assert_eq!(answer.body, "");
    assert_eq!(api.token_status(&token).await, "deleted");
    // What is gone stays gone, whatever is asked of it.
    for answer in
        [api.delete(&path).await, api.delete(&tokens).await, api.post(&tokens, r#"{"scopes":["voip"]}"#).await]
    {
        answer.assert_problem(404, "identity-not-found", "No such identity", GONE, &[]);
    }
}

async fn refuses_what_is_no_id(api: Api) {
    let detail = "The path holds no ACS identity id. One looks like 8:acs:<resource guid>_<user guid>.";
    let answer = api.delete("/api/identities/tokens").await;
    answer.assert_problem(400, "invalid-identity-id", "Not an identity id", detail, &[]);
    assert_eq!(api.upstream_calls().await, 0);
}

async fn does_not_find_a_foreign_identity(api: Api) {
    let answer = api.delete(&format!("/api/identities/{FOREIGN_ID}")).await;
    answer.assert_problem(404, "identity-not-found", "No such identity", GONE, &[]);
}
