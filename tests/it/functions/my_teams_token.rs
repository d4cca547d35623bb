//! `POST me/teams-token`.

use serde_json::{Value, json};

use crate::harness::{
    Answer, Api, assert_token,
    users::{AUDIENCE, CLIENT as APP, TENANT, claim},
};

through_each_host! {
    users:
    exchanges_the_users_own_token, application_must_be_known, each_invalid_claim_is_reported, invalid_fields_are_refused,
    only_entra_users_are_accepted,
}

const PATH: &str = "/api/me/teams-token";
const USER: &str = "32c0a5db-05ec-78ea-51ab-3f06b329397e";
const OTHER: &str = "99999999-05ec-78ea-51ab-3f06b329397e";

/// Signs the Teams user in to the functions, with a token of version 2.
async fn teams_user(api: &Api) -> String {
    api.sign_in_by_entra(json!({ "tid": TENANT, "oid": USER, "sub": "x", "azp": APP, "scp": "access_as_user" })).await
}

/// Returns an Entra token that the emulator accepts.
async fn entra_token(api: &Api, user: &str, seconds: i64) -> Value {
    let request = json!({ "appId": APP, "userId": user, "tenantId": TENANT, "expiresInSeconds": seconds });
    api.control("POST", "entra/tokens", Some(request)).await["token"].clone()
}

/// Returns a token with valid claims, except for these. It has the test issuer's signature, not Entra's.
async fn unverified_token(api: &Api, claims: Value) -> Value {
    let mut all = json!({
        "aud": "https://auth.msft.communication.azure.com", "appid": APP, "oid": USER, "tid": TENANT,
        "scp": "Teams.ManageCalls Teams.ManageChats",
    });
    all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
    api.control("POST", "oidc/tokens", Some(json!({ "claims": all }))).await["token"].clone()
}

async fn exchange(api: &Api, user: &str, token: &Value) -> Answer {
    api.post_of(user, PATH, &json!({ "token": token }).to_string()).await
}

async fn exchanges_the_users_own_token(api: Api) {
    let token = entra_token(&api, USER, 45 * 60).await;
    let of_version_1 = json!({ "tid": TENANT, "oid": USER, "sub": "x", "appid": APP, "scp": "access_as_user" });
    let upper_case = json!({ "tid": TENANT, "oid": USER.to_uppercase(), "sub": "x", "azp": APP, "scp": "x" });
    let signed_in =
        [teams_user(&api).await, api.sign_in_by_entra(of_version_1).await, api.sign_in_by_entra(upper_case).await];
    for user in &signed_in {
        let answer = exchange(&api, user, &token).await;
        answer.assert_ok(200);
        let token = assert_token(&answer.json(), 45);
        assert_eq!(claim(&token, "skypeid"), format!("orgid:{USER}"));
        assert_eq!(api.token_status(&token).await, "valid");
    }
    let text = api.of(&signed_in[0], "POST", PATH).header("accept", "text/plain");
    let body = json!({ "token": token }).to_string();
    let answer = Answer::of(text.header("content-type", "application/json").body(body)).await;
    answer.assert_ok(200);
    assert_eq!(api.token_status(&answer.body).await, "valid");
    // No identity is created.
    assert_eq!(api.identities().await, 0);
}

async fn application_must_be_known(api: Api) {
    let token = entra_token(&api, USER, 3600).await;
    for more in [
        // The audience of an access token is the service, not the client.
        json!({ "aud": APP }),
        json!({ "aud": [APP] }),
        json!({ "aud": AUDIENCE }),
        json!({ "azp": "a name" }),
    ] {
        let mut claims = json!({ "tid": TENANT, "oid": USER, "sub": "x", "scp": "access_as_user" });
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answer = exchange(&api, &api.sign_in_by_entra(claims).await, &token).await;
        answer.assert_code(403, "forbidden", &[]);
    }
    assert_eq!(api.upstream_calls().await, 0);
}

async fn each_invalid_claim_is_reported(api: Api) {
    let user = teams_user(&api).await;
    let now = jiff::Timestamp::now().as_second();
    let mut cases = Vec::new();
    // The unit tests of the claims have more of them.
    for (claims, count) in [
        (json!({ "aud": "https://graph.microsoft.com" }), 1),
        (json!({ "appid": OTHER }), 1),
        (json!({ "oid": OTHER }), 1),
        (json!({ "oid": null, "sub": USER }), 1),
        (json!({ "tid": OTHER }), 1),
        (json!({ "scp": null, "roles": ["Teams.ManageCalls"] }), 1),
        (json!({ "exp": now - 1 }), 1),
        (json!({ "nbf": now + 3600 }), 1),
        (json!({ "aud": "x", "appid": OTHER, "oid": OTHER, "tid": OTHER, "scp": "x", "exp": 0, "nbf": "x" }), 7),
    ] {
        cases.push((unverified_token(&api, claims).await, count));
    }
    let garbage = ["garbage", "a.b.c", "..", "eyJhbGciOiJub25lIn0.W10.", "eyJhbGciOiJub25lIn0.e30"];
    cases.extend(garbage.map(|token| (json!(token), 1)));
    for (token, count) in cases {
        let answer = exchange(&api, &user, &token).await;
        answer.assert_code(401, "teams-token-refused", &vec!["/token"; count]);
        assert_eq!(answer.header("www-authenticate"), "Bearer error=\"invalid_token\"");
        let parts = token.as_str().unwrap().split('.').filter(|part| part.len() > 8);
        for secret in parts.chain([OTHER, USER, APP]) {
            assert!(!answer.body.contains(secret), "{answer:?}");
        }
    }
    assert_eq!(api.upstream_calls().await, 0);
    // With valid claims, ACS decides. It rejects the test issuer's signature.
    for claims in [
        json!({}),
        json!({ "aud": "https://auth.msft.communication.azure.com/", "oid": USER.to_uppercase() }),
        json!({ "aud": "1fd5118e-2576-4263-8130-9503064c837a", "appid": null, "azp": APP, "nbf": null }),
        json!({ "scp": "openid Teams.ManageChats" }),
    ] {
        let token = unverified_token(&api, claims).await;
        exchange(&api, &user, &token).await.assert_code(401, "teams-token-refused", &[]);
    }
    assert_eq!(api.upstream_calls().await, 4);
}

async fn invalid_fields_are_refused(api: Api) {
    let user = teams_user(&api).await;
    let token = entra_token(&api, USER, 3600).await;
    for (body, pointers) in [
        (json!({}), &["/token"][..]),
        (json!({ "token": "" }), &["/token"]),
        (json!({ "token": [token] }), &["/token"]),
        (json!({ "token": token, "appId": APP, "userId": OTHER }), &["/appId", "/userId"]),
    ] {
        api.post_of(&user, PATH, &body.to_string()).await.assert_code(400, "invalid-fields", pointers);
    }
    Answer::of(api.of(&user, "POST", PATH)).await.assert_code(400, "empty-body", &[]);
    assert_eq!(api.upstream_calls().await, 0);
}

async fn only_entra_users_are_accepted(api: Api) {
    let token = entra_token(&api, USER, 3600).await;
    for user in [
        // The claims of another issuer say nothing about Entra.
        api.sign_in(json!({ "sub": "alice", "tid": TENANT, "oid": USER, "azp": APP })).await,
        // A user id in Teams is a GUID.
        api.sign_in_by_entra(json!({ "tid": TENANT, "oid": "alice", "azp": APP, "scp": "x" })).await,
    ] {
        exchange(&api, &user, &token).await.assert_code(403, "forbidden", &[]);
    }
    assert_eq!(api.upstream_calls().await, 0);
}
