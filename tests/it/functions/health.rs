//! `GET health`.

use std::time::Duration;

use acs_tokens::{
    access::AccessRules,
    directory::{DirectoryKey, DirectorySettings},
};
use serde_json::json;

use crate::{
    harness::{Answer, Api},
    process::free_port,
};

through_each_host! { alive_makes_no_acs_call, ready_if_acs_accepts_the_credential }

async fn alive_makes_no_acs_call(api: Api) {
    let answer = Answer::of(api.request("GET", "/api/health")).await;
    answer.assert_ok(200);
    assert_eq!(answer.body, r#"{"status":"alive"}"#);
    let head = Answer::of(api.request("HEAD", "/api/health")).await;
    head.assert_ok(200);
    assert_eq!(head.body, "");
    Answer::of(api.request("GET", "/api/health?already")).await.assert_ok(200);
    assert_eq!(api.upstream_calls().await, 0);
}

async fn ready_if_acs_accepts_the_credential(api: Api) {
    for query in ["ready", "ready=1", "a&ready"] {
        let answer = Answer::of(api.request("GET", &format!("/api/health?{query}"))).await;
        answer.assert_ok(200);
        assert_eq!(answer.body, r#"{"status":"ready"}"#);
    }
    assert_eq!(api.upstream_calls().await, 1);
    assert_eq!(api.control("GET", "state", None).await["identities"], json!([]));
}

#[tokio::test]
async fn not_ready_if_acs_rejects_the_credential_or_fails() {
    for (times, fault) in [
        (1, json!({"answer": {"status": 401, "body": r#"{"error":{"code":"Denied","message":"Denied."}}"#}})),
        (3, json!({"times": 3, "answer": {"status": 400}})),
        (3, json!({"times": 3, "answer": {"status": 500}})),
        (3, json!({"times": 3, "reset": true})),
    ] {
        let api = Api::direct().await;
        api.control("POST", "faults", Some(fault)).await;
        for _ in 0..3 {
            let answer = Answer::of(api.request("GET", "/api/health?ready")).await;
            answer.assert_code(503, "not-ready", &[]);
        }
        assert_eq!(api.upstream_calls().await, times);
    }
}

#[tokio::test]
async fn not_ready_if_the_directory_cannot_be_read() {
    let location = format!("http://{}/devstoreaccount1/users", free_port().await).parse().unwrap();
    let unreachable = DirectorySettings::at(location, DirectoryKey::random());
    let api = Api::with_users(Some(&unreachable), AccessRules::default()).await;
    let answer = Answer::of(api.request("GET", "/api/health?ready")).await;
    answer.assert_code(503, "not-ready", &[]);
    assert!(answer.body.contains("The user directory cannot be read."), "{}", answer.body);
    Answer::of(api.request("GET", "/api/health")).await.assert_ok(200);

    let api = Api::with_users(Some(&DirectorySettings::in_memory()), AccessRules::default()).await;
    Answer::of(api.request("GET", "/api/health?ready")).await.assert_ok(200);
}

#[tokio::test]
async fn readiness_is_cached_for_30_seconds() {
    let api = Api::direct().await;
    let ask = || Answer::of(api.request("GET", "/api/health?ready"));
    api.control("POST", "faults", Some(json!({ "delayMs": 300 }))).await;
    // A caller that disconnects does not cancel the call for the others.
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
