//! Faults of ACS, and the answer that the caller receives: one table per kind of fault.

mod other_servers;

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Answer, Api};

/// The number of attempts that ACS received, and the status and code of the answer.
type Expected = (u64, u16, &'static str);

/// Lets each call of `operation` fail, makes one, and checks the result.
async fn check(api: &Api, operation: &str, fault: &Value, (attempts, status, code): Expected) -> Answer {
    let id = api.new_identity().await;
    let mut order = fault.clone();
    order["operation"] = operation.into();
    order["times"] = 10.into();
    api.control("POST", "faults", Some(order)).await;
    let before = api.upstream_calls().await;
    let answer = match operation {
        "create-identity" => api.post("/api/identities", "{}").await,
        "issue-token" => api.post(&format!("/api/identities/{id}/tokens"), r#"{"scopes":["voip"]}"#).await,
        "revoke-tokens" => api.delete(&format!("/api/identities/{id}/tokens")).await,
        _ => api.delete(&format!("/api/identities/{id}")).await,
    };
    assert_eq!(api.upstream_calls().await - before, attempts, "{operation} with {fault}");
    answer.assert_code(status, code, &[]);
    api.control("DELETE", "faults", None).await;
    answer
}

async fn api() -> Api {
    // Three attempts of 3 s fit into the deadline, with the waits between them. 3 s are enough on a busy machine.
    Api::with_settings(|settings| {
        settings.deadline = Duration::from_secs(12);
        settings.attempt_timeout = Duration::from_secs(3);
    })
    .await
}

/// Returns the results of each status without a body: for create-identity, and for the other operations.
fn statuses() -> impl Iterator<Item = (u16, Expected, Expected)> {
    (400..=504_u16).map(|status| {
        let (create, others) = match status {
            408 => ((1, 504, "upstream-timeout"), 3),
            429 => ((3, 429, "throttled"), 3),
            _ => ((1, 502, "upstream-failed"), 3),
        };
        (status, create, (others, create.1, create.2))
    })
}

#[tokio::test]
async fn each_status_without_retry_after_has_a_code() {
    let api = api().await;
    for (status, create, others) in statuses() {
        // Retries take time, so only some statuses are tested with all operations.
        let fault = json!({ "answer": { "status": status } });
        check(&api, "create-identity", &fault, create).await;
        if [408, 429, 500, 502, 503, 504].contains(&status) {
            for operation in ["issue-token", "revoke-tokens", "delete-identity"] {
                check(&api, operation, &fault, others).await;
            }
        }
    }
}

#[tokio::test]
async fn retry_after_beyond_the_deadline_is_passed_on_without_a_retry() {
    let api = api().await;
    for (status, create, others) in statuses() {
        let fault = json!({ "answer": { "status": status, "headers": { "retry-after": "60" } } });
        let once = |(_, status, code): Expected| (1, status, code);
        let answer = check(&api, "create-identity", &fault, once(create)).await;
        check(&api, "issue-token", &fault, once(others)).await;
        assert_eq!(answer.header("retry-after"), if status == 429 { "60" } else { "" });
    }
}

#[tokio::test]
async fn short_retry_after_delays_the_retry() {
    let api = api().await;
    let id = api.new_identity().await;
    for (status, header, value) in [
        (429, "retry-after", "1"),
        (503, "retry-after-ms", "50"),
        (503, "x-ms-retry-after-ms", "50"),
        (429, "retry-after", "0"),
    ] {
        let fault = json!({ "answer": { "status": status, "headers": { header: value } } });
        for path in ["/api/identities", &format!("/api/identities/{id}/tokens")] {
            api.control("POST", "faults", Some(fault.clone())).await;
            let body = if path.ends_with("tokens") { r#"{"scopes":["voip"]}"# } else { "{}" };
            let answer = api.post(path, body).await;
            assert!(answer.status < 300, "{answer:?}");
        }
    }
}

#[tokio::test]
async fn timeouts_resets_and_invalid_answers_have_a_code() {
    let api = api().await;
    for (fault, status, code) in [
        (json!({ "delayMs": 5000 }), 504, "upstream-timeout"),
        // Before the request is read, and after it is carried out.
        (json!({ "reset": true, "carriedOut": false }), 502, "upstream-failed"),
        (json!({ "reset": true, "carriedOut": true }), 502, "upstream-failed"),
        (json!({ "answer": { "status": 200, "body": "{\"token\":" } }), 502, "upstream-failed"),
        (json!({ "answer": { "status": 201, "body": "\u{0}\u{1}garbage" } }), 502, "upstream-failed"),
        (
            json!({ "answer": { "status": 200, "headers": { "content-type": "text/html" }, "body": "<html>" } }),
            502,
            "upstream-failed",
        ),
        (
            json!({ "answer": { "status": 200, "headers": { "content-type": "text/plain" }, "body": "ok" } }),
            502,
            "upstream-failed",
        ),
        (
            json!({ "answer": { "status": 302, "headers": { "location": "http://127.0.0.1:9/" } } }),
            502,
            "upstream-failed",
        ),
        (json!({ "answer": { "status": 307, "headers": { "location": "/identities" } } }), 502, "upstream-failed"),
        (json!({ "cutAfterBytes": 7 }), 502, "upstream-failed"),
    ] {
        check(&api, "create-identity", &fault, (1, status, code)).await;
        check(&api, "issue-token", &fault, (3, status, code)).await;
    }
}
