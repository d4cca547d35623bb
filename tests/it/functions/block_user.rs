//! `POST users/block`.

use acs_tokens::{
    access::AccessRules,
    auth::{BackendAuth, CallerKey},
    directory::DirectorySettings,
};
use serde_json::{Value, json};

use crate::harness::{
    Answer, Api,
    users::{CLIENT, TENANT},
};

through_each_host! {
    users:
    blocks_one_user_and_revokes_the_tokens, every_function_under_me_is_refused, entra_user_is_named_by_tenant_and_object,
    user_without_identity_costs_no_acs_call, deletion_does_not_unblock, invalid_fields_are_refused,
}

const PATH: &str = "/api/users/block";
const USER: &str = "32c0a5db-05ec-78ea-51ab-3f06b329397e";

/// Every function for users.
const CALLS: [(&str, &str); 5] = [
    ("POST", "/api/me/teams-phone-token"),
    ("POST", "/api/me/token"),
    ("DELETE", "/api/me/tokens"),
    ("DELETE", "/api/me"),
    ("POST", "/api/me/teams-token"),
];

/// Blocks or unblocks a user of the test issuer.
pub(crate) async fn change(api: &Api, what: &str, subject: &str) {
    let body = json!({ "issuer": api.issuer(), "subject": subject });
    let answer = api.post(&format!("/api/users/{what}"), &body.to_string()).await;
    answer.assert_ok(204);
    assert_eq!(answer.body, "");
}

async fn assert_refused(api: &Api, user: &str) {
    for (method, path) in CALLS {
        let request = api.of(user, method, path).header("content-type", "application/json").body("{}");
        Answer::of(request).await.assert_code(403, "blocked", &[]);
    }
}

async fn blocks_one_user_and_revokes_the_tokens(api: Api) {
    let (alice, bob) = (api.sign_in_as("alice").await, api.sign_in_as("bob").await);
    let (own, bobs) = (api.own_token(&alice).await, api.own_token(&bob).await);
    // The request is idempotent.
    for _ in 0..2 {
        change(&api, "block", "alice").await;
        assert_eq!(api.token_status(&own.token).await, "revoked");
        assert_eq!(api.identity(&own.id).await["deletedAt"], Value::Null);
        assert_refused(&api, &alice).await;
    }
    assert_eq!(api.token_status(&bobs.token).await, "valid");
    assert_eq!(api.own_token(&bob).await.id, bobs.id);
}

async fn every_function_under_me_is_refused(api: Api) {
    let claims = json!({ "tid": TENANT, "oid": USER, "sub": "x", "azp": CLIENT, "scp": "access_as_user" });
    let user = api.sign_in_by_entra(claims).await;
    let exchange = || async {
        let request = json!({ "appId": CLIENT, "userId": USER, "tenantId": TENANT });
        let token = api.control("POST", "entra/tokens", Some(request)).await["token"].clone();
        api.post_of(&user, "/api/me/teams-token", &json!({ "token": token }).to_string()).await
    };
    exchange().await.assert_ok(200);
    let body = json!({ "tenantId": TENANT, "objectId": USER }).to_string();
    api.post(PATH, &body).await.assert_ok(204);
    let calls = api.upstream_calls().await;
    assert_refused(&api, &user).await;
    exchange().await.assert_code(403, "blocked", &[]);
    assert_eq!(api.upstream_calls().await, calls);
    api.post("/api/users/unblock", &body).await.assert_ok(204);
    exchange().await.assert_ok(200);
}

async fn entra_user_is_named_by_tenant_and_object(api: Api) {
    let user = api.sign_in_by_entra(json!({ "tid": TENANT, "oid": USER, "sub": "x", "scp": "x" })).await;
    let own = api.own_token(&user).await;
    // Another user of the tenant.
    let body = json!({ "tenantId": TENANT, "objectId": TENANT });
    api.post(PATH, &body.to_string()).await.assert_ok(204);
    assert_eq!(api.own_token(&user).await.id, own.id);
    let body = json!({ "tenantId": TENANT.to_uppercase(), "objectId": USER.to_uppercase() });
    api.post(PATH, &body.to_string()).await.assert_ok(204);
    assert_eq!(api.token_status(&own.token).await, "revoked");
    assert_refused(&api, &user).await;
}

async fn user_without_identity_costs_no_acs_call(api: Api) {
    change(&api, "block", "alice").await;
    assert_refused(&api, &api.sign_in_as("alice").await).await;
    assert_eq!((api.identities().await, api.upstream_calls().await), (0, 0));
}

async fn deletion_does_not_unblock(api: Api) {
    let alice = api.sign_in_as("alice").await;
    let own = api.own_token(&alice).await;
    change(&api, "block", "alice").await;
    for _ in 0..2 {
        Answer::of(api.of(&alice, "DELETE", "/api/me")).await.assert_code(403, "blocked", &[]);
    }
    assert_refused(&api, &alice).await;
    assert_eq!(api.identity(&own.id).await["deletedAt"], Value::Null);
    // Nor does the deletion of the identity by a back end.
    assert_eq!(api.delete(&format!("/api/identities/{}", own.id)).await.status, 204);
    assert_refused(&api, &alice).await;
    change(&api, "block", "alice").await;
    assert_refused(&api, &alice).await;
    assert_eq!(api.identities().await, 1);
}

async fn invalid_fields_are_refused(api: Api) {
    let issuer = api.issuer();
    for (body, pointers) in [
        (json!({}), &["/tenantId", "/objectId"][..]),
        (json!({ "tenantId": TENANT }), &["/objectId"]),
        (json!({ "objectId": USER }), &["/tenantId"]),
        (json!({ "tenantId": TENANT, "objectId": "alice" }), &["/objectId"]),
        (json!({ "tenantId": "contoso.com", "objectId": USER }), &["/tenantId"]),
        (json!({ "tenantId": TENANT.replace('-', ""), "objectId": null }), &["/tenantId", "/objectId"]),
        (json!({ "issuer": issuer }), &["/subject"]),
        (json!({ "subject": "alice" }), &["/issuer"]),
        (json!({ "issuer": issuer, "subject": "" }), &["/subject"]),
        (json!({ "issuer": issuer, "subject": ["alice"] }), &["/subject"]),
        (json!({ "issuer": null, "subject": "alice" }), &["/issuer"]),
        (json!({ "tenantId": TENANT, "objectId": USER, "issuer": issuer, "subject": "alice" }), &["/issuer"]),
        (json!({ "tenantId": TENANT, "issuer": issuer, "subject": "alice" }), &["/issuer"]),
        (json!({ "tenantId": TENANT, "subject": "alice" }), &["/issuer", "/issuer"]),
        (json!({ "issuer": issuer, "subject": "alice", "user": "alice" }), &["/user"]),
        // No token can name such a user.
        (json!({ "issuer": format!("{issuer}/"), "subject": "alice" }), &["/issuer"]),
        (json!({ "issuer": issuer.to_uppercase(), "subject": "alice" }), &["/issuer"]),
        (json!({ "issuer": format!("{issuer}/{TENANT}/v2.0"), "subject": "alice" }), &["/issuer"]),
        (json!({ "tenantId": USER, "objectId": USER }), &["/tenantId"]),
        (json!({ "id": "8:acs:x" }), &["/tenantId", "/objectId", "/id"]),
    ] {
        for path in [PATH, "/api/users/unblock"] {
            api.post(path, &body.to_string()).await.assert_code(400, "invalid-fields", pointers);
        }
    }
    api.post(PATH, "").await.assert_code(400, "empty-body", &[]);
    api.own_token(&api.sign_in_as("alice").await).await;
}

#[tokio::test]
async fn only_back_ends_may_block_and_unblock() {
    let keys = vec![CallerKey { name: "web".to_owned(), key: "a key of the web app".to_owned().into() }];
    let directory = DirectorySettings::in_memory();
    let api = Api::with_issuers(BackendAuth::Keys(keys), |_| (), Some(&directory), AccessRules::default()).await;
    let (alice, bob) = (api.sign_in_as("alice").await, api.sign_in_as("bob").await);
    api.own_token(&alice).await;
    let body = json!({ "issuer": api.issuer(), "subject": "alice" }).to_string();
    for what in ["block", "unblock"] {
        let path = format!("/api/users/{what}");
        api.post(&path, &body).await.assert_code(401, "unauthorized", &[]);
        for user in [&alice, &bob] {
            api.post_of(user, &path, &body).await.assert_code(403, "forbidden", &[]);
        }
        api.own_token(&alice).await;
    }
    let request = api.request("POST", PATH).header("x-functions-key", "a key of the web app");
    Answer::of(request.header("content-type", "application/json").body(body)).await.assert_ok(204);
    assert_refused(&api, &alice).await;
    api.own_token(&bob).await;
}

#[tokio::test]
async fn both_functions_are_turned_off_without_a_directory() {
    let api = Api::with_users(None, AccessRules::default()).await;
    for what in ["block", "unblock"] {
        let body = json!({ "issuer": api.issuer(), "subject": "alice" }).to_string();
        api.post(&format!("/api/users/{what}"), &body).await.assert_code(501, "turned-off", &[]);
    }
    assert_eq!(api.upstream_calls().await, 0);
}
