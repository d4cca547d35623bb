//! `POST me/teams-token`.

use serde_json::{Value, json};

use crate::harness::{
    Answer, Api, assert_token,
    people::{AUDIENCE, CLIENT as APP, TENANT, claim},
};

through_each_host! {
    people:
    exchanges_ones_own_token, wants_to_know_the_application, says_each_claim_that_is_wrong, refuses_wrong_fields, is_for_people_of_entra_alone,
}

const PATH: &str = "/api/me/teams-token";
const USER: &str = "32c0a5db-05ec-78ea-51ab-3f06b329397e";
const OTHER: &str = "99999999-05ec-78ea-51ab-3f06b329397e";

const AUD: &str = "Its aud is not Azure Communication Services; ask Entra for the scopes \
                   https://auth.msft.communication.azure.com/Teams.ManageCalls and …/Teams.ManageChats.";
const APPID: &str = "Its appid is not the application that your own token was given to; get both through the same one.";
const OID: &str = "Its oid is not you; get a token for the account that you are signed in with here.";
const TID: &str = "Its tid is not the tenant of the account that you are signed in with here.";
const SCP: &str = "Its scp has neither Teams.ManageCalls nor Teams.ManageChats.";
const EXP: &str = "Its exp has passed; get a new one.";
const NBF: &str = "Its nbf is in the future; compare the clocks.";
const JWT: &str = "The token is not a JWT: three parts in base64url, of which two are JSON objects.";

/// Signs the Teams user in to the functions, with a token of version 2.
async fn teams_user(api: &Api) -> String {
    api.sign_in_by_entra(json!({ "tid": TENANT, "oid": USER, "sub": "x", "azp": APP, "scp": "access_as_user" })).await
}

/// The Entra token that the emulator, as ACS, takes.
async fn entra_token(api: &Api, user: &str, seconds: i64) -> Value {
    let request = json!({ "appId": APP, "userId": user, "tenantId": TENANT, "expiresInSeconds": seconds });
    api.control("POST", "entra/tokens", Some(request)).await["token"].clone()
}

/// One that says of itself what it should, but for some claims. Nobody but the test issuer has signed it.
async fn said(api: &Api, claims: Value) -> Value {
    let mut all = json!({
        "aud": "https://auth.msft.communication.azure.com", "appid": APP, "oid": USER, "tid": TENANT,
        "scp": "Teams.ManageCalls Teams.ManageChats",
    });
    all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
    api.control("POST", "oidc/tokens", Some(json!({ "claims": all }))).await["token"].clone()
}

async fn exchange(api: &Api, person: &str, token: &Value) -> Answer {
    api.post_of(person, PATH, &json!({ "token": token }).to_string()).await
}

async fn exchanges_ones_own_token(api: Api) {
    let token = entra_token(&api, USER, 45 * 60).await;
    let of_version_1 = json!({ "tid": TENANT, "oid": USER, "sub": "x", "appid": APP, "scp": "access_as_user" });
    let id_token = json!({ "tid": TENANT, "oid": USER.to_uppercase(), "sub": "x", "aud": APP });
    let signed_in =
        [teams_user(&api).await, api.sign_in_by_entra(of_version_1).await, api.sign_in_by_entra(id_token).await];
    for person in &signed_in {
        let answer = exchange(&api, person, &token).await;
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
    // It has nothing to do with an identity in the directory.
    assert_eq!(api.identities().await, 0);
}

async fn wants_to_know_the_application(api: Api) {
    let token = entra_token(&api, USER, 3600).await;
    for more in [
        // The audience of an access token is the service, not who asks it.
        json!({ "scp": "access_as_user", "aud": APP }),
        json!({ "aud": [APP] }),
        json!({ "aud": AUDIENCE }),
        json!({ "azp": "a name" }),
    ] {
        let mut claims = json!({ "tid": TENANT, "oid": USER, "sub": "x" });
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answer = exchange(&api, &api.sign_in_by_entra(claims).await, &token).await;
        let detail = "Your sign-in does not say through which application it was made: it has neither azp nor appid.";
        answer.assert_problem(403, "forbidden", "Not allowed", detail, &[]);
    }
    assert_eq!(api.upstream_calls().await, 0);
}

async fn says_each_claim_that_is_wrong(api: Api) {
    let person = teams_user(&api).await;
    let now = jiff::Timestamp::now().as_second();
    let cases = [
        (json!({ "aud": "https://graph.microsoft.com" }), &[AUD][..]),
        (json!({ "aud": null }), &[AUD]),
        (json!({ "aud": "https://communication.azure.com" }), &[AUD]),
        (json!({ "appid": OTHER }), &[APPID]),
        (json!({ "appid": null }), &[APPID]),
        (json!({ "appid": "not an id" }), &[APPID]),
        (json!({ "oid": OTHER }), &[OID]),
        (json!({ "oid": null, "sub": USER }), &[OID]),
        (json!({ "oid": [USER] }), &[OID]),
        (json!({ "tid": OTHER }), &[TID]),
        (json!({ "scp": "Teams.ManageCallsAll User.Read" }), &[SCP]),
        (json!({ "scp": null, "roles": ["Teams.ManageCalls"] }), &[SCP]),
        (json!({ "exp": now - 1 }), &[EXP]),
        (json!({ "exp": null }), &[EXP]),
        (json!({ "nbf": now + 3600 }), &[NBF]),
        (
            json!({ "aud": "x", "appid": OTHER, "oid": OTHER, "tid": OTHER, "scp": "x", "exp": 0, "nbf": "x" }),
            &[AUD, APPID, OID, TID, SCP, EXP, NBF],
        ),
    ];
    for (claims, faults) in cases {
        let token = said(&api, claims.clone()).await;
        assert_refused(&exchange(&api, &person, &token).await, &token, faults);
    }
    for token in ["garbage", "a.b.c", "..", "eyJhbGciOiJub25lIn0.W10.", "eyJhbGciOiJub25lIn0.e30"] {
        assert_refused(&exchange(&api, &person, &json!(token)).await, &json!(token), &[JWT]);
    }
    assert_eq!(api.upstream_calls().await, 0);
    // All that it says is right, in another spelling or another version: then ACS decides, and knows who did not sign it.
    for claims in [
        json!({}),
        json!({ "aud": "https://auth.msft.communication.azure.com/", "oid": USER.to_uppercase() }),
        json!({ "aud": "1fd5118e-2576-4263-8130-9503064c837a", "appid": null, "azp": APP, "nbf": null }),
        json!({ "scp": "openid Teams.ManageChats" }),
    ] {
        let token = said(&api, claims).await;
        let answer = exchange(&api, &person, &token).await;
        let detail = "ACS does not take the token: it is expired, malformed, or not issued for Teams calls through ACS. \
                      Get a new one from Entra.";
        answer.assert_problem(401, "teams-token-refused", "The Teams user's token is not valid", detail, &[]);
    }
    assert_eq!(api.upstream_calls().await, 4);
}

#[track_caller]
fn assert_refused(answer: &Answer, token: &Value, faults: &[&str]) {
    let detail =
        "The Teams user's token is not one to exchange for you, so ACS was not asked. See errors for each claim.";
    let errors: Vec<(&str, &str)> = faults.iter().map(|fault| ("/token", *fault)).collect();
    answer.assert_problem(401, "teams-token-refused", "The Teams user's token is not valid", detail, &errors);
    assert_eq!(answer.header("www-authenticate"), "Bearer error=\"invalid_token\"");
    let parts = token.as_str().unwrap().split('.').filter(|part| part.len() > 8);
    for secret in parts.chain([OTHER, USER, APP]) {
        assert!(!answer.body.contains(secret), "{answer:?}");
    }
}

async fn refuses_wrong_fields(api: Api) {
    let person = teams_user(&api).await;
    let token = entra_token(&api, USER, 3600).await;
    let unknown = "The field is unknown; the fields are token.";
    let string = "Give the Teams user's Entra token, a string.";
    for (body, errors) in [
        (json!({}), &[("/token", "The field is missing: the Teams user's Entra token.")][..]),
        (json!({ "token": "" }), &[("/token", string)]),
        (json!({ "token": [token] }), &[("/token", string)]),
        // Whose token it is and for which application is not the body's to say.
        (json!({ "token": token, "appId": APP, "userId": OTHER }), &[("/appId", unknown), ("/userId", unknown)]),
    ] {
        api.post_of(&person, PATH, &body.to_string()).await.assert_fields(errors);
    }
    let answer = Answer::of(api.of(&person, "POST", PATH)).await;
    let detail = "Send a JSON object, and with it its Content-Length; {} where nothing is to be said.";
    answer.assert_problem(400, "empty-body", "The request has no body", detail, &[]);
    assert_eq!(api.upstream_calls().await, 0);
}

async fn is_for_people_of_entra_alone(api: Api) {
    let token = entra_token(&api, USER, 3600).await;
    let entra = json!({ "sub": "alice", "tid": TENANT, "oid": USER, "azp": APP });
    for person in [
        // Another issuer may say what it likes of Entra's people.
        api.sign_in(entra).await,
        // No id is none of Teams' users.
        api.sign_in_by_entra(json!({ "tid": TENANT, "oid": "alice", "azp": APP })).await,
        api.sign_in_by_entra(json!({ "tid": TENANT, "sub": USER, "azp": APP })).await,
    ] {
        let answer = exchange(&api, &person, &token).await;
        let detail = "You have not signed in with an account in Entra, and Teams knows no other.";
        answer.assert_problem(403, "forbidden", "Not allowed", detail, &[]);
    }
    assert_eq!(api.upstream_calls().await, 0);
}
