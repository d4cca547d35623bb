//! The exact texts of problems. Other tests assert the status, the code and the pointers.

mod blocking;
mod guests;
mod teams_phone;

use acs_tokens::access::AccessRules;
use serde_json::{Value, json};

use crate::harness::{
    Answer, Api, FOREIGN_ID,
    users::{CLIENT, TENANT},
};

type Errors = &'static [(&'static str, &'static str)];

const USER: &str = "32c0a5db-05ec-78ea-51ab-3f06b329397e";
const INVALID_FIELDS: &str = "The body has invalid fields, so nothing was done. See errors for each field.";
const INTERRUPTED: &str = "ACS did not answer completely. It is unknown whether the request was carried out.";

#[track_caller]
fn assert_texts(answer: &Answer, case: &str, detail: &str, errors: Errors) {
    let problem = answer.problem();
    let errors: Vec<Value> =
        errors.iter().map(|(pointer, detail)| json!({ "pointer": pointer, "detail": detail })).collect();
    let errors = if errors.is_empty() { Value::Null } else { Value::Array(errors) };
    assert_eq!((&problem["detail"], &problem["errors"]), (&json!(detail), &errors), "{case}");
}

#[tokio::test]
async fn texts_of_invalid_requests() {
    let api = Api::direct().await;
    let tokens = &*format!("/api/identities/{FOREIGN_ID}/tokens");
    let large = &*format!("{{\"a\":\"{}\"}}", "a".repeat(16 * 1024));
    let json = "application/json";
    let cases: &[(&str, &str, &str, &str, &str, Errors)] = &[
        ("POST", "/nothing", json, "{}", "No function has this path. GET / lists the functions.", &[]),
        (
            "PUT",
            tokens,
            json,
            "{}",
            "The function does not support PUT. The Allow header lists the methods it supports.",
            &[],
        ),
        ("POST", tokens, json, "", "Send a JSON object, {} at least, and its Content-Length.", &[]),
        ("POST", tokens, json, "{", "The JSON is incomplete: see line 1, column 1.", &[]),
        ("POST", tokens, json, "{\"a\":1,\n'b':2}", "The body is not JSON: see line 2, column 1.", &[]),
        ("POST", tokens, json, "[]", "The body is JSON, but not an object.", &[]),
        ("POST", tokens, json, r#"{"a":1,"a":2}"#, "A field occurs twice in the object: see line 1, column 13.", &[]),
        ("POST", tokens, json, large, "The body is larger than 16 KiB.", &[]),
        ("POST", tokens, "text/plain", "{}", "Send the body with Content-Type: application/json.", &[]),
        ("POST", tokens, json, "\u{1f}", "The body is not JSON: see line 1, column 1.", &[]),
        (
            "POST",
            "/api/identities/me/tokens",
            json,
            "{}",
            "The path has no valid ACS identity id, such as 8:acs:<resource guid>_<user guid>.",
            &[],
        ),
        (
            "POST",
            tokens,
            json,
            r#"{"expiresInMinutes":59,"x":1}"#,
            INVALID_FIELDS,
            &[
                ("/scopes", "The field is required: a list of chat, voip, chat.join, chat.join.limited, voip.join."),
                ("/expiresInMinutes", "Must be a whole number of minutes from 60 to 1440. The default is 1440."),
                ("/x", "Unknown field. The fields are scopes, expiresInMinutes."),
            ],
        ),
        (
            "POST",
            tokens,
            json,
            r#"{"scopes":["voip","voip","admin"]}"#,
            INVALID_FIELDS,
            &[
                ("/scopes/1", "Duplicate scope: voip."),
                ("/scopes/2", "Unknown scope. The scopes are chat, voip, chat.join, chat.join.limited, voip.join."),
            ],
        ),
        (
            "POST",
            "/api/identities",
            json,
            r#"{"createTokenWithScopes":[]}"#,
            INVALID_FIELDS,
            &[(
                "/createTokenWithScopes",
                "Must be a list of chat, voip, chat.join, chat.join.limited, voip.join, with at least one item.",
            )],
        ),
        (
            "POST",
            "/api/identities",
            json,
            r#"{"expiresInMinutes":60}"#,
            INVALID_FIELDS,
            &[(
                "/expiresInMinutes",
                "The lifetime is that of a token. Add createTokenWithScopes, or omit expiresInMinutes.",
            )],
        ),
        (
            "POST",
            "/api/teams/tokens",
            json,
            r#"{"token":"","appId":7}"#,
            INVALID_FIELDS,
            &[
                ("/token", "Must be the Teams user's Entra token, a string."),
                ("/appId", "Must be a GUID, such as 2c3e1e83-8fd7-4615-ad2b-b8c1229845ac."),
                ("/userId", "The field is required: the object id of the Teams user in Entra, a GUID."),
            ],
        ),
    ];
    for (method, path, content_type, body, detail, errors) in cases {
        let request = api.request(method, path).header("content-type", *content_type).body((*body).to_owned());
        assert_texts(&Answer::of(request).await, body, detail, errors);
    }
    let gzip = api.request("POST", tokens).header("content-type", json).body(vec![0x1f, 0x8b, 8, 0]);
    assert_texts(&Answer::of(gzip).await, "gzip", "The body is compressed. Send it without Content-Encoding.", &[]);
}

#[tokio::test]
async fn texts_of_acs_errors() {
    let api = Api::direct().await;
    let error = |status: u16, code: &str| {
        let body = json!({ "error": { "code": code, "message": "A message of ACS.", "target": "Scopes" } });
        json!({ "answer": { "status": status, "body": body.to_string() } })
    };
    let id = api.new_identity().await;
    let delete = async || api.delete(&format!("/api/identities/{id}")).await;
    let exchange = async || {
        let body = json!({ "token": "x", "appId": CLIENT, "userId": USER }).to_string();
        api.post("/api/teams/tokens", &body).await
    };
    api.control("POST", "faults", Some(error(401, "IdentityNotOwned"))).await;
    let detail = "The ACS resource has no such identity: it was deleted, or belongs to another resource.";
    assert_texts(&delete().await, "IdentityNotOwned", detail, &[]);
    api.control("POST", "faults", Some(error(401, "InvalidAccessToken"))).await;
    let detail = "ACS rejected the Teams user's token: it is expired, malformed, or not issued for Teams calls through \
                  ACS. Get a new one from Entra.";
    assert_texts(&exchange().await, "InvalidAccessToken", detail, &[]);
    let cases: &[(Value, &str, Errors)] = &[
        (error(400, "ValidationError"), "A message of ACS.", &[("/createTokenWithScopes", "A message of ACS.")]),
        (error(400, "UnsupportedApiVersion"), "ACS rejected the api-version that this service uses.", &[]),
        (error(401, "Denied"), "ACS rejected this service's credential. The service's log has the details.", &[]),
        (
            error(404, "NotFound"),
            "The answer is not one of ACS. It is unknown whether the request was carried out.",
            &[],
        ),
        (error(408, "Timeout"), "ACS timed out while it read the request. Try again.", &[]),
        (error(500, "Error"), "ACS answered 500. Try again later.", &[]),
        (json!({ "reset": true }), INTERRUPTED, &[]),
        (json!({ "answer": { "status": 201, "body": "<html>" } }), INTERRUPTED, &[]),
    ];
    for (fault, detail, errors) in cases {
        api.control("POST", "faults", Some(fault.clone())).await;
        assert_texts(&api.post("/api/identities", "{}").await, &fault.to_string(), detail, errors);
    }
    let fault = json!({ "times": 3, "answer": { "status": 429, "headers": { "retry-after": "60" } } });
    api.control("POST", "faults", Some(fault)).await;
    let answer = api.post("/api/identities", "{}").await;
    assert_texts(&answer, "429", "The limits of ACS are reached. Try again after the seconds in Retry-After.", &[]);
    api.control("DELETE", "faults", None).await;
    api.control("POST", "faults", Some(error(401, "Denied"))).await;
    let answer = Answer::of(api.request("GET", "/api/health?ready")).await;
    let detail = "ACS did not accept this service's credential. The service's log has the details.";
    assert_texts(&answer, "health", detail, &[]);
}

#[tokio::test]
async fn texts_for_users() {
    let api = Api::direct_with_users().await;
    let entra = |claims: Value| {
        let mut all = json!({ "tid": TENANT, "oid": USER, "sub": "x", "scp": "access_as_user" });
        all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
        all
    };
    let alice = api.sign_in_as("alice").await;
    let user = api.sign_in_by_entra(entra(json!({ "azp": CLIENT }))).await;
    let claims = json!({ "aud": "x", "appid": USER, "oid": CLIENT, "tid": USER, "scp": "x", "exp": 0, "nbf": "x" });
    let token = api.control("POST", "oidc/tokens", Some(json!({ "claims": claims }))).await["token"].clone();
    let refused =
        "The Teams user's token cannot be exchanged for you, so ACS was not called. See errors for each claim.";
    let cases: &[(&str, &str, Value, &str, Errors)] = &[
        (
            &alice,
            "/api/me/token",
            json!({ "scopes": ["chat"], "expiresInMinutes": 61 }),
            "You may have the scopes voip.join for at most 60 minutes. Ask for no more, or omit the field to get all of it.",
            &[
                ("/scopes/0", "The scope chat is not allowed; allowed are voip.join."),
                ("/expiresInMinutes", "At most 60 minutes are allowed."),
            ],
        ),
        (
            &alice,
            "/api/me/token",
            json!({ "expiresInMinutes": 0 }),
            INVALID_FIELDS,
            &[(
                "/expiresInMinutes",
                "Must be a whole number of minutes from 60 to 1440. The default is the most that you may have.",
            )],
        ),
        (
            &alice,
            "/api/me/teams-token",
            json!({ "token": token }),
            "Your bearer token is not from Microsoft Entra. Only Entra accounts have Teams users.",
            &[],
        ),
        (
            &api.sign_in_by_entra(entra(json!({ "azp": "a name" }))).await,
            "/api/me/teams-token",
            json!({ "token": token }),
            "Your bearer token does not name the application you signed in to: it has no azp or appid claim.",
            &[],
        ),
        (&user, "/api/me/teams-token", json!({ "token": "x" }), refused, &[("/token", "The token is not a JWT.")]),
        (
            &user,
            "/api/me/teams-token",
            json!({ "token": token }),
            refused,
            &[
                (
                    "/token",
                    "Its aud is not Azure Communication Services. Request the scopes Teams.ManageCalls and \
                     Teams.ManageChats of https://auth.msft.communication.azure.com.",
                ),
                (
                    "/token",
                    "Its appid differs from that of your bearer token. Request both tokens with the same application.",
                ),
                ("/token", "Its oid differs from that of your bearer token. Sign in with the same account."),
                ("/token", "Its tid differs from that of your bearer token. Sign in to the same tenant."),
                ("/token", "Its scp has neither Teams.ManageCalls nor Teams.ManageChats."),
                ("/token", "Its exp has passed. Get a new token."),
                ("/token", "Its nbf is in the future. Check the clock."),
            ],
        ),
    ];
    for (user, path, body, detail, errors) in cases {
        let answer = api.post_of(user, path, &body.to_string()).await;
        assert_texts(&answer, &body.to_string(), detail, errors);
    }
    let api = Api::with_users(None, AccessRules::default()).await;
    let answer = api.post_of(&api.sign_in_as("alice").await, "/api/me/token", "{}").await;
    let detail = "There is no user directory: the operator must set USER_DIRECTORY.";
    assert_texts(&answer, "no directory", detail, &[]);
}
