//! The quota of ACS: 1,000 tokens in 30 s for each resource
//! (<https://learn.microsoft.com/azure/communication-services/concepts/service-limits#identity>).

use std::collections::BTreeMap;

use serde_json::json;
use tokio::task::JoinSet;

use crate::service::{Service, issue};

const CALLERS: u64 = 256;
const CALLS: u64 = 8;
const QUOTA: u64 = 1_000;

/// Each call over the quota makes one attempt and is answered: a second attempt, or a wait, would be a queue.
#[tokio::test(flavor = "multi_thread")]
async fn calls_over_the_quota_are_answered_at_once_and_the_next_quota_is_used_at_once() {
    // The wait at the start of the quota's window, and one at its end that fits into the deadline of a call.
    for wait in ["30", "2"] {
        let service = Service::start().await;
        let url = format!("{}/identities/{}/tokens", service.base, service.identity().await);
        let answer = json!({ "status": 429, "headers": { "Retry-After": wait } });
        let calls = CALLERS * CALLS;
        service.fault(&json!({ "operation": "issue-token", "skip": QUOTA, "times": calls, "answer": answer })).await;
        let mut callers = JoinSet::new();
        for _ in 0..CALLERS {
            let url = url.clone();
            callers.spawn(async move {
                let (http, mut answers) = (acs_identity::http::client_builder().build().unwrap(), Vec::new());
                for _ in 0..CALLS {
                    answers.push(issue(&http, &url).await);
                }
                answers
            });
        }
        let mut counts = BTreeMap::new();
        for answer in callers.join_all().await.into_iter().flatten() {
            *counts.entry(answer).or_insert(0) += 1;
        }
        let issued = (200, String::new(), String::new());
        let throttled = (429, wait.to_owned(), "throttled".to_owned());
        assert_eq!(counts, BTreeMap::from([(issued.clone(), QUOTA), (throttled, calls - QUOTA)]));
        assert_eq!(service.received().await, calls, "an attempt was repeated");

        // The quota is renewed.
        service.clear_faults().await;
        let http = acs_identity::http::client_builder().build().unwrap();
        for _ in 0..CALLS {
            assert_eq!(issue(&http, &url).await, issued);
        }
        assert_eq!(service.received().await, calls + CALLS, "calls of before were still waiting");
    }
}
