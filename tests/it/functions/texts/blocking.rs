//! The texts of the functions that block and unblock users, and of a blocked user's problem.

use serde_json::json;

use super::{Errors, INVALID_FIELDS, assert_texts};
use crate::{
    functions::block_user::change,
    harness::{Api, users::TENANT},
};

const ENTRA: Errors = &[("/issuer", "The issuer is one of Entra. Send tenantId and objectId instead.")];

#[tokio::test]
async fn texts_of_blocking() {
    let api = Api::direct_with_users().await;
    let cases: &[(&str, Errors)] = &[
        (
            r#"{"tenantId":"contoso.com"}"#,
            &[
                ("/tenantId", "Must be a GUID, such as 2c3e1e83-8fd7-4615-ad2b-b8c1229845ac."),
                ("/objectId", "The field is required: the user's object id in that tenant (claim oid), a GUID."),
            ],
        ),
        (
            r#"{"objectId":"32c0a5db-05ec-78ea-51ab-3f06b329397e","user":"alice"}"#,
            &[
                (
                    "/tenantId",
                    "The field is required: the tenant id of an Entra user (claim tid), a GUID. For other users, send \
                     issuer and subject.",
                ),
                ("/user", "Unknown field. The fields are tenantId, objectId."),
            ],
        ),
        (
            r#"{"issuer":7,"objectId":"32c0a5db-05ec-78ea-51ab-3f06b329397e"}"#,
            &[
                (
                    "/issuer",
                    "Send tenantId and objectId for an Entra user, or issuer and subject for another one, not both.",
                ),
                ("/issuer", "Must be the issuer of the user's token, exactly as in its claim iss, a string."),
                (
                    "/subject",
                    "The field is required: the user's subject at that issuer, exactly as in claim sub, a string.",
                ),
            ],
        ),
        (
            r#"{"issuer":"https://login.contoso.example","subject":"alice"}"#,
            &[(
                "/issuer",
                "This service does not trust the issuer, so no user has it. Compare it with claim iss of a token: a slash \
                 at the end matters.",
            )],
        ),
        (
            r#"{"tenantId":"99999999-2222-4333-8444-555555555555","objectId":"32c0a5db-05ec-78ea-51ab-3f06b329397e"}"#,
            &[(
                "/tenantId",
                "This service trusts no issuer of the tenant, so no user has it. Compare it with claim tid of a token.",
            )],
        ),
    ];
    for (body, errors) in cases {
        for path in ["/api/users/block", "/api/users/unblock"] {
            assert_texts(&api.post(path, body).await, body, INVALID_FIELDS, errors);
        }
    }
    let body = json!({ "issuer": format!("{}/{TENANT}/v2.0", api.issuer()), "subject": "alice" }).to_string();
    assert_texts(&api.post("/api/users/block", &body).await, &body, INVALID_FIELDS, ENTRA);
    change(&api, "block", "alice").await;
    let answer = api.post_of(&api.sign_in_as("alice").await, "/api/me/token", "{}").await;
    let detail = "You are blocked, so nothing was done. Ask the operator of this service to unblock you.";
    assert_texts(&answer, "blocked", detail, &[]);
}
