//! Answers of other servers in place of ACS: they are no answers of ACS, and change no record.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{Expected, api, check};
use crate::harness::{Answer, Api};

const OPERATIONS: [&str; 4] = ["create-identity", "issue-token", "revoke-tokens", "delete-identity"];
const PAGE: &str = "<h2>Our services aren't available right now</h2>";

/// Bodies that are not an error of ACS, or have an error code that ACS is not known to send.
const BODIES: [&str; 9] = [
    "",
    PAGE,
    "null",
    "{}",
    r#"{"message":"Resource not found"}"#,
    r#"{"error":"IdentityNotFound"}"#,
    r#"{"error":{"code":"IdentityNotFound"}}"#,
    r#"{"code":"IdentityNotOwned","message":"Provided identity doesn't belong to the resource."}"#,
    r#"{"error":{"code":"ResourceNotFound","message":"The resource was not found."}}"#,
];

fn error(code: &str) -> String {
    json!({ "error": { "code": code, "message": "A message." } }).to_string()
}

fn answer(status: u16, body: &str) -> Value {
    let content_type = if body.starts_with('<') { "text/html" } else { "application/json" };
    json!({ "answer": { "status": status, "headers": { "content-type": content_type }, "body": body } })
}

/// Checks each case for each operation. An operation that may not be repeated has one attempt.
async fn check_all(cases: Vec<(u16, String, [Expected; 4])>) {
    let mut tasks = JoinSet::new();
    for cases in cases.chunks(cases.len().div_ceil(8)) {
        let cases = cases.to_vec();
        tasks.spawn(async move {
            let api = api().await;
            for (status, body, expected) in cases {
                for (operation, expected) in OPERATIONS.into_iter().zip(expected) {
                    check(&api, operation, &answer(status, &body), expected).await;
                }
            }
        });
    }
    tasks.join_all().await;
}

/// The results of an answer that is not one of ACS.
const FOREIGN: [Expected; 4] = [
    (1, 502, "upstream-failed"),
    (3, 502, "upstream-failed"),
    (3, 502, "upstream-failed"),
    (3, 502, "upstream-failed"),
];

#[tokio::test]
async fn an_error_counts_only_with_a_body_and_a_code_of_acs() {
    let statuses = [400, 401, 403, 404, 410];
    let cases = statuses.iter().flat_map(|status| BODIES.map(|body| (*status, body.to_owned(), FOREIGN)));
    check_all(cases.collect()).await;
}

#[tokio::test]
async fn a_limit_or_a_failure_counts_with_any_body() {
    let throttled: [Expected; 4] = [(3, 429, "throttled"); 4];
    let timed_out = [1, 3, 3, 3].map(|attempts| (attempts, 504, "upstream-timeout"));
    let mut cases = Vec::new();
    for body in ["", PAGE, "{}"] {
        for (status, expected) in [(429, throttled), (408, timed_out), (500, FOREIGN), (503, FOREIGN)] {
            cases.push((status, body.to_owned(), expected));
        }
    }
    check_all(cases).await;
}

#[tokio::test]
async fn an_error_of_acs_counts_with_the_status_and_the_operation_that_it_is_for() {
    let each = |expected: Expected| [expected; 4];
    // An operation without an identity cannot miss one.
    let gone =
        [FOREIGN[0], (1, 404, "identity-not-found"), (1, 404, "identity-not-found"), (1, 404, "identity-not-found")];
    let cases = [
        (401, "Denied", each((1, 502, "misconfigured"))),
        (403, "Denied", each((1, 502, "misconfigured"))),
        (404, "Denied", FOREIGN),
        (400, "UnsupportedApiVersion", each((1, 502, "misconfigured"))),
        (401, "UnsupportedApiVersion", FOREIGN),
        (400, "ValidationError", each((1, 400, "refused-by-acs"))),
        (404, "ValidationError", FOREIGN),
        (401, "IdentityNotOwned", gone),
        (404, "IdentityNotFound", gone),
        (500, "IdentityNotFound", FOREIGN),
        // For the exchange of Teams tokens only.
        (401, "InvalidAccessToken", FOREIGN),
    ];
    check_all(cases.map(|(status, code, expected)| (status, error(code), expected)).to_vec()).await;
}

#[tokio::test]
async fn a_success_counts_only_with_the_status_and_the_body_of_the_operation() {
    let identity = r#"{"identity":{"id":"8:acs:a_b"}}"#;
    let token = r#"{"token":"t.o.k","expiresOn":"2099-07-10T21:39:39.3244584+00:00"}"#;
    let mut cases: Vec<(u16, String, [Expected; 4])> = Vec::new();
    for status in [200, 201, 202, 203, 206] {
        for body in ["", PAGE, "{}", r#"{"identity":{}}"#, r#"{"token":"","expiresOn":"2099-07-10T21:39:39Z"}"#] {
            cases.push((status, body.to_owned(), FOREIGN));
        }
    }
    // A success of another operation.
    cases.push((200, identity.to_owned(), FOREIGN));
    cases.push((201, token.to_owned(), FOREIGN));
    check_all(cases).await;
    let api = api().await;
    for operation in ["create-identity", "issue-token"] {
        let attempts = if operation == "issue-token" { 3 } else { 1 };
        check(&api, operation, &json!({ "answer": { "status": 204 } }), (attempts, 502, "upstream-failed")).await;
    }
}

#[tokio::test]
async fn a_success_without_the_requested_token_is_none() {
    let api = api().await;
    let identity = answer(201, r#"{"identity":{"id":"8:acs:a_b"}}"#);
    api.control("POST", "faults", Some(identity)).await;
    let answer = api.post("/api/identities", r#"{"createTokenWithScopes":["voip"]}"#).await;
    answer.assert_code(502, "upstream-failed", &[]);
}

#[tokio::test]
async fn readiness_needs_an_answer_of_acs() {
    for fault in [json!({ "answer": { "status": 204 } }), answer(404, PAGE), answer(200, PAGE)] {
        let api = api().await;
        let mut order = fault.clone();
        order["times"] = 3.into();
        api.control("POST", "faults", Some(order)).await;
        Answer::of(api.request("GET", "/api/health?ready")).await.assert_code(503, "not-ready", &[]);
    }
}

async fn order(api: &Api, operation: &str, fault: &Value) {
    let mut order = fault.clone();
    order["operation"] = operation.into();
    order["times"] = 3.into();
    api.control("POST", "faults", Some(order)).await;
}

#[tokio::test]
async fn an_answer_of_another_server_changes_no_record() {
    let mut tasks = JoinSet::new();
    for body in BODIES {
        tasks.spawn(async move {
            let api = Arc::new(Api::direct_with_users().await);
            let user = api.sign_in_as("anna").await;
            let first = api.own_token(&user).await;
            for (status, method, path, operation) in [
                (404, "POST", "/api/me/token", "issue-token"),
                (404, "DELETE", "/api/me/tokens", "revoke-tokens"),
                (401, "DELETE", "/api/me/tokens", "revoke-tokens"),
            ] {
                order(&api, operation, &answer(status, body)).await;
                let request = api.of(&user, method, path).header("content-type", "application/json");
                Answer::of(request.body("{}")).await.assert_code(502, "upstream-failed", &[]);
            }
            let second = api.own_token(&user).await;
            assert_eq!((second.id == first.id, api.identities().await), (true, 1), "{body}");

            // The record is kept until ACS has confirmed the deletion.
            for operation in ["revoke-tokens", "delete-identity"] {
                order(&api, operation, &answer(404, body)).await;
                Answer::of(api.of(&user, "DELETE", "/api/me")).await.assert_code(502, "upstream-failed", &[]);
                assert_eq!(api.identity(&first.id).await["deletedAt"], Value::Null, "{body}");
            }
            assert_eq!(Answer::of(api.of(&user, "DELETE", "/api/me")).await.status, 204, "{body}");
            assert_ne!(api.identity(&first.id).await["deletedAt"], Value::Null, "{body}");
        });
    }
    tasks.join_all().await;
}
