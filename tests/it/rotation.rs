//! Regeneration of access keys under load: with both keys, no call fails.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use acs_identity::{
    AccessKeys, Error, ErrorKind, IdentityClient, http::client_builder, is_transient, signature::AccessKey,
};
use acs_tokens::{
    acs_client::{AcsCredential, AcsSettings},
    emulator::{DEVELOPMENT_KEY, DEVELOPMENT_KEY_SECONDARY},
    entra::TokenSource,
};
use serde_json::{Value, json};

use crate::{harness, process::until};

const CALLERS: usize = 32;
const CALLS: usize = 400;

fn client(emulator: &str, primary: &str, secondary: Option<&str>) -> IdentityClient {
    let key = |text: &str| AccessKey::from_base64(text).unwrap();
    let keys = AccessKeys::new(key(primary), secondary.map(key));
    IdentityClient::new(emulator.parse().unwrap(), keys).unwrap()
}

/// Regenerates a key with the control API and returns it.
async fn regenerate(emulator: &str, which: &str) -> String {
    let http = client_builder().build().unwrap();
    let request = http.post(format!("{emulator}/_emulator/keys/regenerate"));
    let body = json!({ "keyType": which }).to_string();
    let response = request.header("content-type", "application/json").body(body).send().await.unwrap();
    let keys: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    keys[format!("{which}Key")].as_str().unwrap().to_owned()
}

/// Makes concurrent calls, regenerates a key, and makes as many calls again. Returns the key and the failures.
async fn regenerate_under_load(emulator: &str, client: &IdentityClient, which: &str) -> (String, Vec<Error>) {
    let (done, rotated) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let calling: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (client, done, rotated) = (client.clone(), Arc::clone(&done), Arc::clone(&rotated));
            tokio::spawn(async move {
                let (mut failed, mut after) = (Vec::new(), 0);
                while after < CALLS / CALLERS {
                    after += usize::from(rotated.load(Ordering::SeqCst));
                    failed.extend(client.create_identity().await.err());
                    done.fetch_add(1, Ordering::SeqCst);
                }
                failed
            })
        })
        .collect();
    until("the first calls", async || done.load(Ordering::SeqCst) >= CALLS).await;
    let key = regenerate(emulator, which).await;
    rotated.store(true, Ordering::SeqCst);
    let mut failed = Vec::new();
    for caller in calling {
        failed.extend(caller.await.unwrap());
    }
    (key, failed)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn regenerating_both_keys_in_turn_fails_no_call() {
    let (emulator, _) = harness::emulator().await;
    let before = client(&emulator, DEVELOPMENT_KEY, Some(DEVELOPMENT_KEY_SECONDARY));
    let (primary, failed) = regenerate_under_load(&emulator, &before, "primary").await;
    assert!(failed.is_empty(), "{failed:?}");
    // The new primary key is set, then the secondary key is regenerated.
    let after = client(&emulator, &primary, Some(DEVELOPMENT_KEY_SECONDARY));
    let (_, failed) = regenerate_under_load(&emulator, &after, "secondary").await;
    assert!(failed.is_empty(), "{failed:?}");
    // Both keys of the first client are invalid now.
    assert!(before.create_identity().await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn regenerating_a_single_key_fails_calls() {
    let (emulator, _) = harness::emulator().await;
    let alone = client(&emulator, DEVELOPMENT_KEY, None);
    let (_, failed) = regenerate_under_load(&emulator, &alone, "primary").await;
    assert!(failed.len() >= CALLS / CALLERS);
}

/// Returns the numbers of calls that the emulator received.
async fn calls(emulator: &str) -> String {
    let http = client_builder().build().unwrap();
    http.get(format!("{emulator}/_emulator/calls")).send().await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn each_of_two_wrong_keys_is_tried_once_per_call() {
    let (emulator, _) = harness::emulator().await;
    let client = client(&emulator, "d3Jvbmc=", Some("d3JvbmcgdG9v"));
    for calls in [2, 4] {
        let error = client.create_identity().await.unwrap_err();
        assert!(matches!(&error, Error::Service(error) if error.kind == ErrorKind::Denied), "{error:?}");
        let state = self::calls(&emulator).await;
        let state: Value = serde_json::from_str(&state).unwrap();
        assert_eq!(state["create-identity"]["received"], calls);
    }
}

#[tokio::test]
async fn a_refusal_of_another_server_does_not_switch_the_key() {
    let (emulator, _) = harness::emulator().await;
    let client = client(&emulator, DEVELOPMENT_KEY, Some("d3JvbmcgdG9v"));
    for status in [401, 403] {
        let fault =
            json!({ "answer": { "status": status, "headers": {"content-type": "text/html"}, "body": "<h1>No</h1>" } });
        let http = client_builder().build().unwrap();
        let request = http.post(format!("{emulator}/_emulator/faults")).header("content-type", "application/json");
        assert!(request.body(fault.to_string()).send().await.unwrap().status().is_success());
        let error = client.create_identity().await.unwrap_err();
        assert!(matches!(&error, Error::Service(error) if error.kind == ErrorKind::Other), "{error:?}");
    }
    client.create_identity().await.unwrap();
    let calls = calls(&emulator).await;
    let calls: Value = serde_json::from_str(&calls).unwrap();
    assert_eq!(calls["create-identity"]["received"], 3);
}

#[tokio::test]
async fn bearer_token_is_not_sent_over_plain_http() {
    let (emulator, _) = harness::emulator().await;
    let credential = AcsCredential::Entra(TokenSource::ManagedIdentity { client_id: None });
    let client = AcsSettings::new(emulator.parse().unwrap(), credential).client().unwrap();
    let error = client.create_identity().await.unwrap_err();
    assert!(matches!(&error, Error::Credential(error) if !is_transient(error)), "{error:?}");
    let calls = calls(&emulator).await;
    assert_eq!(calls, "{}");
}
