//! `POST teams-phone/tokens` and `POST me/teams-phone-token`.

use acs_identity::{ConnectionString, IdentityClient, TeamsPhoneAssignment, TeamsPhoneUser};
use serde_json::{Value, json};

use crate::harness::{
    Answer, Api, assert_token,
    users::{CLIENT as APP, TENANT, claim},
};

through_each_host! {
    users:
    both_functions_exchange_the_token, refusals_of_acs_have_their_codes, each_invalid_claim_is_reported,
    invalid_fields_are_refused,
}

const BACK_END: &str = "/api/teams-phone/tokens";
const MINE: &str = "/api/me/teams-phone-token";
const USER: &str = "32c0a5db-05ec-78ea-51ab-3f06b329397e";
const OTHER: &str = "99999999-05ec-78ea-51ab-3f06b329397e";
const SCOPE: &str = "TeamsExtension.ManageCalls";

async fn sign_in(api: &Api) -> String {
    api.sign_in_by_entra(json!({ "tid": TENANT, "oid": USER, "sub": "x", "azp": APP, "scp": "access_as_user" })).await
}

/// Assigns the user to the emulated resource.
async fn assign(api: &Api) {
    let client = api.connection_string().parse::<ConnectionString>().unwrap();
    let user = TeamsPhoneUser { tenant_id: TENANT.parse().unwrap(), object_id: USER.parse().unwrap() };
    let assignment = TeamsPhoneAssignment { principal_type: "user".to_owned(), client_ids: vec![APP.parse().unwrap()] };
    IdentityClient::from_connection_string(client)
        .unwrap()
        .put_teams_phone_assignment(user, &assignment)
        .await
        .unwrap();
}

async fn entra_token(api: &Api) -> Value {
    let request =
        json!({ "appId": APP, "userId": USER, "tenantId": TENANT, "scope": SCOPE, "expiresInSeconds": 45 * 60 });
    api.control("POST", "entra/tokens", Some(request)).await["token"].clone()
}

/// Returns a token with valid claims, except for these. It has the test issuer's signature, not Entra's.
async fn unverified_token(api: &Api, claims: Value) -> Value {
    let mut all = json!({
        "aud": "https://auth.msft.communication.azure.com", "appid": APP, "oid": USER, "tid": TENANT, "scp": SCOPE,
    });
    all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
    api.control("POST", "oidc/tokens", Some(json!({ "claims": all }))).await["token"].clone()
}

async fn by_back_end(api: &Api, token: &Value) -> Answer {
    api.post(BACK_END, &json!({ "token": token }).to_string()).await
}

async fn by_user(api: &Api, user: &str, token: &Value) -> Answer {
    api.post_of(user, MINE, &json!({ "token": token }).to_string()).await
}

async fn both_functions_exchange_the_token(api: Api) {
    assign(&api).await;
    let (user, token) = (sign_in(&api).await, entra_token(&api).await);
    let answer = by_back_end(&api, &token).await;
    answer.assert_ok(200);
    let json = answer.json();
    let id = json["identity"]["id"].as_str().unwrap().to_owned();
    assert!(id.ends_with(&format!("_{TENANT}_{USER}")), "{id}");
    let access = assert_token(&json["accessToken"], 45);
    assert_eq!((format!("8:{}", claim(&access, "skypeid")), &*api.token_status(&access).await), (id.clone(), "valid"));

    let answer = by_user(&api, &user, &token).await;
    answer.assert_ok(200);
    let mut json = answer.json();
    let named = json.as_object_mut().unwrap().remove("user").unwrap();
    assert_eq!(named["communicationUserId"], id);
    assert_eq!(api.token_status(&assert_token(&json, 45)).await, "valid");

    // An encrypted token has five parts. It is passed on as it is.
    api.control("PUT", "settings", Some(json!({ "encryptedTokens": true }))).await;
    let text = api.of(&user, "POST", MINE).header("accept", "text/plain").header("content-type", "application/json");
    let answer = Answer::of(text.body(json!({ "token": token }).to_string())).await;
    answer.assert_ok(200);
    assert_eq!((answer.body.split('.').count(), &*api.token_status(&answer.body).await), (5, "valid"));
    let json = by_user(&api, &user, &token).await.json();
    assert_eq!(json["token"].as_str().unwrap().split('.').count(), 5);
    assert_eq!(api.identities().await, 0);
}

async fn refusals_of_acs_have_their_codes(api: Api) {
    let (user, token) = (sign_in(&api).await, entra_token(&api).await);
    by_back_end(&api, &token).await.assert_code(403, "not-assigned", &[]);
    by_user(&api, &user, &token).await.assert_code(403, "not-assigned", &[]);
    for (code, problem) in
        [("UserLicenseNotPresentForbidden", "license-missing"), ("SubscriptionNotAllowed", "feature-not-allowed")]
    {
        let body = json!({ "error": { "code": code, "message": "m" } }).to_string();
        let answer = json!({ "status": 403, "headers": { "Content-Type": "application/json" }, "body": body });
        let fault = json!({ "operation": "exchange-teams-phone-token", "answer": answer });
        api.control("POST", "faults", Some(fault)).await;
        by_user(&api, &user, &token).await.assert_code(403, problem, &[]);
    }
    api.control("PUT", "settings", Some(json!({ "servicePrincipalMissing": true }))).await;
    by_back_end(&api, &token).await.assert_code(403, "service-principal-missing", &[]);
    by_user(&api, &user, &token).await.assert_code(403, "service-principal-missing", &[]);
    api.control("PUT", "settings", Some(json!({}))).await;
    // The claims are valid, but ACS rejects the test issuer's signature.
    let unverified = unverified_token(&api, json!({})).await;
    by_back_end(&api, &unverified).await.assert_code(401, "teams-token-refused", &[]);
}

async fn each_invalid_claim_is_reported(api: Api) {
    let user = sign_in(&api).await;
    let now = jiff::Timestamp::now().as_second();
    for (claims, of_back_end, of_user) in [
        (json!({ "aud": "https://graph.microsoft.com" }), 1, 1),
        (json!({ "scp": "Teams.ManageCalls" }), 1, 1),
        (json!({ "exp": now - 1 }), 1, 1),
        (json!({ "nbf": now + 3600 }), 1, 1),
        (json!({ "aud": "x", "appid": OTHER, "oid": OTHER, "tid": OTHER, "scp": "x", "exp": 0, "nbf": "x" }), 4, 7),
    ] {
        let token = unverified_token(&api, claims).await;
        for (answer, count) in
            [(by_back_end(&api, &token).await, of_back_end), (by_user(&api, &user, &token).await, of_user)]
        {
            answer.assert_code(401, "teams-token-refused", &vec!["/token"; count]);
            assert!(!answer.body.contains(OTHER), "{answer:?}");
        }
    }
    // Another user's token is never exchanged for the signed-in user.
    for claims in [json!({ "appid": OTHER }), json!({ "oid": OTHER }), json!({ "tid": OTHER })] {
        let token = unverified_token(&api, claims).await;
        by_user(&api, &user, &token).await.assert_code(401, "teams-token-refused", &["/token"]);
    }
    assert_eq!(api.upstream_calls().await, 0);
}

async fn invalid_fields_are_refused(api: Api) {
    let user = sign_in(&api).await;
    for (body, pointers) in [
        (json!({}), &["/token"][..]),
        (json!({ "token": "" }), &["/token"]),
        (json!({ "token": "t", "appId": APP }), &["/appId"]),
    ] {
        api.post(BACK_END, &body.to_string()).await.assert_code(400, "invalid-fields", pointers);
        api.post_of(&user, MINE, &body.to_string()).await.assert_code(400, "invalid-fields", pointers);
    }
    assert_eq!(api.upstream_calls().await, 0);
}
