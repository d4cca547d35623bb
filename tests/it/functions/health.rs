//! `GET health`.

use std::time::Duration;

use serde_json::json;

use crate::harness::{Answer, Api};

through_each_host! { is_alive_without_asking_acs, is_ready_when_acs_takes_the_credential }

async fn is_alive_without_asking_acs(api: Api) {
    let answer = Answer::of(api.request("GET", "/api/health")).await;
    answer.assert_ok(200);
    assert_eq!(answer.body, r#"{"status":"alive"}"#);
    let head = Answer::of(api.request("HEAD", "/api/health")).await;
    head.assert_ok(200);
    assert_eq!(head.body, "");
    Answer::of(api.request("GET", "/api/health?already")).await.assert_ok(200);
    assert_eq!(api.upstream_calls().await, 0);
}

async fn is_ready_when_acs_takes_the_credential(api: Api) {
    for query in ["ready", "ready=1", "a&ready"] {
        let answer = Answer::of(api.request("GET", &format!("/api/health?{query}"))).await;
        answer.assert_ok(200);
        assert_eq!(answer.body, r#"{"status":"ready"}"#);
    }
    assert_eq!(api.upstream_calls().await, 1);
    assert_eq!(api.control("GET", "state", None).await["identities"], json!([]));
}

#[tokio::test]
async fn is_not_ready_when_acs_does_not() {
    let detail = "The last call to ACS that proves the credential did not succeed. The operator's log says more.";
    for (times, fault) in [
        (1, json!({"answer": {"status": 401, "body": r#"{"error":{"code":"Denied","message":"Denied."}}"#}})),
        (1, json!({"answer": {"status": 400}})),
        (3, json!({"times": 3, "answer": {"status": 500}})),
        (3, json!({"times": 3, "reset": true})),
    ] {
        let api = Api::direct().await;
        api.control("POST", "faults", Some(fault)).await;
        for _ in 0..3 {
            let answer = Answer::of(api.request("GET", "/api/health?ready")).await;
            answer.assert_problem(503, "not-ready", "Not ready", detail, &[]);
        }
        assert_eq!(api.upstream_calls().await, times);
    }
}

#[tokio::test]
async fn asks_acs_once_in_30_seconds_however_many_ask() {
    let api = Api::direct().await;
    let ask = || Answer::of(api.request("GET", "/api/health?ready"));
    api.control("POST", "faults", Some(json!({ "delayMs": 300 }))).await;
    // One who hangs up at once leaves the answer to those who stay.
    assert!(tokio::time::timeout(Duration::from_millis(100), ask()).await.is_err());
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let request = api.request("GET", "/api/health?ready");
        asking.spawn(Answer::of(request));
    }
    asking.join_all().await.iter().for_each(|answer| answer.assert_ok(200));
    assert_eq!(api.upstream_calls().await, 1);

    let later = |seconds| async move {
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(seconds)).await;
        tokio::time::resume();
    };
    later(25).await;
    ask().await.assert_ok(200);
    assert_eq!(api.upstream_calls().await, 1);
    later(6).await;
    ask().await.assert_ok(200);
    assert_eq!(api.upstream_calls().await, 2);
}
