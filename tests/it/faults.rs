//! ACS misbehaving, and the exact answer that our caller gets: one table a kind of operation.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Answer, Api};

/// The titles, by code.
const TITLES: [(&str, &str); 6] = [
    ("misconfigured", "ACS does not take our calls"),
    ("identity-not-found", "No such identity"),
    ("throttled", "Too many requests"),
    ("upstream-failed", "ACS failed"),
    ("upstream-timeout", "ACS did not answer in time"),
    ("refused-by-acs", "ACS refused the request"),
];

const UNKNOWN: &str = "The answer of ACS did not arrive whole. What was asked may have been done or not.";
const CREDENTIAL: &str = "ACS refused this service's credential. The operator's log says more.";
const GONE: &str = "The identity is not one of this ACS resource: it was deleted, or belongs to another resource.";
const SLOW: &str = "ACS did not answer in time. What was asked may have been done or not.";

/// What became of one call: the tries that ACS saw, and the answer.
struct Expected {
    tries: u64,
    status: u16,
    code: &'static str,
    detail: String,
}

fn expect(tries: u64, status: u16, code: &'static str, detail: impl Into<String>) -> Expected {
    Expected { tries, status, code, detail: detail.into() }
}

/// Has every call of `operation` fail, makes one, and checks what came of it.
async fn check(api: &Api, operation: &str, fault: &Value, expected: &Expected) -> Answer {
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
    assert_eq!(api.upstream_calls().await - before, expected.tries, "{operation} with {fault}");
    let (_, title) = TITLES.iter().find(|(code, _)| *code == expected.code).unwrap();
    answer.assert_problem(expected.status, expected.code, title, &expected.detail, &[]);
    api.control("DELETE", "faults", None).await;
    answer
}

async fn api() -> Api {
    // Three tries of 3 s, and the waits between them, fit into it; a busy machine answers in time.
    Api::with_settings(|settings| {
        settings.deadline = Duration::from_secs(12);
        settings.attempt_timeout = Duration::from_secs(3);
    })
    .await
}

/// What becomes of each status where ACS says nothing else with it: (status, for create, for the rest).
fn statuses() -> Vec<(u16, Expected, Expected)> {
    let same = |status, code, detail: &str| (expect(1, status, code, detail), expect(1, status, code, detail));
    let mut table = Vec::new();
    for status in 400..=504_u16 {
        let failed = format!("ACS answered {status}. Try again later.");
        let (create, rest) = match status {
            400 => same(400, "refused-by-acs", "A fault requested through the emulator's control API."),
            401 | 403 => same(502, "misconfigured", CREDENTIAL),
            404 => same(404, "identity-not-found", GONE),
            408 => {
                let detail = "ACS gave up waiting for the request. Try again.";
                (expect(1, 504, "upstream-timeout", detail), expect(3, 504, "upstream-timeout", detail))
            }
            429 => {
                let detail = "The limits of ACS are reached. Try again in 30 s.";
                (expect(3, 429, "throttled", detail), expect(3, 429, "throttled", detail))
            }
            500.. => (expect(1, 502, "upstream-failed", &*failed), expect(3, 502, "upstream-failed", &*failed)),
            _ => same(502, "upstream-failed", &failed),
        };
        table.push((status, create, rest));
    }
    table
}

#[tokio::test]
async fn every_status_without_retry_after() {
    let api = api().await;
    for (status, create, rest) in statuses() {
        // The waits between tries add up, so the many statuses alike are asked of one operation.
        let fault = json!({ "answer": { "status": status } });
        check(&api, "create-identity", &fault, &create).await;
        if [400, 401, 403, 404, 408, 429, 500, 502, 503, 504].contains(&status) {
            for operation in ["issue-token", "revoke-tokens", "delete-identity"] {
                check(&api, operation, &fault, &rest).await;
            }
        }
    }
}

#[tokio::test]
async fn every_status_with_a_retry_after_beyond_the_deadline() {
    let api = api().await;
    for (status, create, rest) in statuses() {
        let fault = json!({ "answer": { "status": status, "headers": { "retry-after": "60" } } });
        // There is no time to come back in, so nobody tries again.
        let once = |expected: Expected| Expected {
            tries: 1,
            detail: expected.detail.replace("in 30 s", "in 60 s"),
            ..expected
        };
        let answer = check(&api, "create-identity", &fault, &once(create)).await;
        check(&api, "issue-token", &fault, &once(rest)).await;
        assert_eq!(answer.header("retry-after"), if status == 429 { "60" } else { "" });
    }
}

#[tokio::test]
async fn a_short_retry_after_is_waited_for() {
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
async fn delays_resets_and_broken_answers() {
    let api = api().await;
    let lost = |tries| expect(tries, 502, "upstream-failed", UNKNOWN);
    for (fault, create, rest) in [
        (
            json!({ "delayMs": 5000 }),
            expect(1, 504, "upstream-timeout", SLOW),
            expect(3, 504, "upstream-timeout", SLOW),
        ),
        // Before the request was read, and after it was carried out.
        (json!({ "reset": true, "carriedOut": false }), lost(1), lost(3)),
        (json!({ "reset": true, "carriedOut": true }), lost(1), expect(3, 502, "upstream-failed", UNKNOWN)),
        (json!({ "answer": { "status": 200, "body": "{\"token\":" } }), lost(1), lost(3)),
        (json!({ "answer": { "status": 201, "body": "\u{0}\u{1}garbage" } }), lost(1), lost(3)),
        (
            json!({ "answer": { "status": 200, "headers": { "content-type": "text/html" }, "body": "<html>Sign in</html>" } }),
            lost(1),
            lost(3),
        ),
        (
            json!({ "answer": { "status": 200, "headers": { "content-type": "text/plain" }, "body": "ok" } }),
            lost(1),
            lost(3),
        ),
        (json!({ "answer": { "status": 302, "headers": { "location": "http://127.0.0.1:9/" } } }), lost(1), lost(3)),
        (json!({ "answer": { "status": 307, "headers": { "location": "/identities" } } }), lost(1), lost(3)),
        (json!({ "cutAfterBytes": 7 }), lost(1), lost(3)),
    ] {
        check(&api, "create-identity", &fault, &create).await;
        check(&api, "issue-token", &fault, &rest).await;
    }
}

#[tokio::test]
async fn an_html_error_page_is_told_by_its_status() {
    let api = api().await;
    let page = json!({ "answer": { "status": 502, "headers": { "content-type": "text/html" }, "body": "<html>Bad gateway</html>" } });
    let expected = expect(1, 502, "upstream-failed", "ACS answered 502. Try again later.");
    check(&api, "create-identity", &page, &expected).await;
}
