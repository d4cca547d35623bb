//! When the keys of issuers are fetched, and issuers that fail or cannot be trusted.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use acs_tokens::auth::bearer::Issuer;
use axum::{Router, routing::get};
use http::StatusCode;
use serde_json::json;
use tokio::{net::TcpListener, sync::Semaphore, task::JoinSet, time::timeout};

use super::{
    api, api_with, backend_token, create, create_as, encode, fetches,
    rejection::{UNKNOWN_KEY, UNREACHABLE},
};
use crate::harness::Answer;

#[tokio::test]
async fn keys_are_fetched_once_for_many_requests() {
    let api = api().await;
    assert_eq!(fetches(&api).await, (0, 0));
    let valid = format!("Bearer {}", backend_token(&api, "", json!({})).await);
    let requests: JoinSet<Answer> = (0..20).map(|_| Answer::of(create(&api).header("authorization", &valid))).collect();
    assert!(requests.join_all().await.iter().all(|answer| answer.status == 201));
    assert_eq!(fetches(&api).await, (1, 1));

    // Unknown keys cause no further fetch within 10 s.
    let mut requests = JoinSet::new();
    for i in 0..50 {
        let token = backend_token(&api, "", json!({ "header": { "kid": format!("unknown-{i}") } })).await;
        requests.spawn(Answer::of(create(&api).header("authorization", format!("Bearer {token}"))));
    }
    for answer in requests.join_all().await {
        UNKNOWN_KEY.assert("unknown key", &answer);
    }
    assert_eq!(fetches(&api).await, (1, 1));
    create_as(&api, &valid).await.assert_ok(201);
}

/// Advances tokio's clock.
pub(super) async fn advance(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

#[tokio::test]
async fn new_keys_are_found_and_withdrawn_keys_are_dropped() {
    let api = api().await;
    let old = format!("Bearer {}", backend_token(&api, "", json!({})).await);
    create_as(&api, &old).await.assert_ok(201);
    api.control("POST", "oidc/rotate", None).await;
    let new = format!("Bearer {}", backend_token(&api, "", json!({})).await);
    UNKNOWN_KEY.assert("within 10 s of the last fetch", &create_as(&api, &new).await);
    assert_eq!(fetches(&api).await, (1, 1));
    advance(Duration::from_secs(10)).await;
    create_as(&api, &new).await.assert_ok(201);
    assert_eq!(fetches(&api).await, (2, 2));
    UNKNOWN_KEY.assert("withdrawn key", &create_as(&api, &old).await);
}

#[tokio::test]
async fn keys_are_used_for_a_day_while_the_issuer_fails() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let mut jwks_uri = String::new();
    let api = api_with(|issuers| {
        jwks_uri = format!("{}/jwks", issuers[0].issuer.name());
        issuers[0].issuer = Issuer::new(&base, None).unwrap();
    })
    .await;
    let discovery = json!({ "issuer": base, "jwks_uri": jwks_uri }).to_string();
    let (requests, failures) = (Arc::new(AtomicU32::new(0)), Arc::new(Semaphore::new(0)));
    let answer = {
        let failures = Arc::clone(&failures);
        // The first request succeeds and all others fail.
        move || {
            let first = requests.fetch_add(1, Ordering::SeqCst) == 0;
            failures.add_permits(usize::from(!first));
            let answer = if first { Ok(discovery.clone()) } else { Err(StatusCode::SERVICE_UNAVAILABLE) };
            async { answer }
        }
    };
    let app = Router::new().route("/.well-known/openid-configuration", get(answer));
    tokio::spawn(async move { axum::serve(listener, app).await });

    let token = format!("Bearer {}", backend_token(&api, "", json!({ "claims": { "iss": base } })).await);
    create_as(&api, &token).await.assert_ok(201);
    advance(Duration::from_secs(60 * 60)).await;
    create_as(&api, &token).await.assert_ok(201);
    // The fetch in the background fails.
    timeout(Duration::from_secs(10), failures.acquire()).await.unwrap().unwrap().forget();
    create_as(&api, &token).await.assert_ok(201);
    advance(Duration::from_secs(23 * 60 * 60)).await;
    UNREACHABLE.assert("after a day", &create_as(&api, &token).await);
}

/// Starts an issuer with this response to discovery requests, and a key set with only a symmetric key. `{base}` stands
/// for the URL of the issuer.
async fn issuer(status: u16, discovery: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let (status, body) = (StatusCode::from_u16(status).unwrap(), discovery.replace("{base}", &base));
    let answer = (status, [("location", format!("{base}/keys"))], body);
    let app = Router::new()
        .route("/.well-known/openid-configuration", get(move || async move { answer }))
        .route("/keys", get(|| async { r#"{"keys":[{"kty":"oct","kid":"k","k":"bWluZQ"}]}"# }));
    tokio::spawn(async move { axum::serve(listener, app).await });
    base
}

#[tokio::test]
async fn issuers_that_cannot_be_trusted_are_not_used() {
    for (name, status, discovery) in [
        ("other issuer", 200, r#"{"issuer":"https://a.example","jwks_uri":"{base}/keys"}"#),
        ("trailing slash", 200, r#"{"issuer":"{base}/","jwks_uri":"{base}/keys"}"#),
        ("keys over http", 200, r#"{"issuer":"{base}","jwks_uri":"http://a.example/keys"}"#),
        ("keys in a file", 200, r#"{"issuer":"{base}","jwks_uri":"file:///etc/passwd"}"#),
        ("redirect", 302, ""),
        ("error", 500, ""),
        ("not JSON", 200, "<html>"),
        ("too long", 200, &" ".repeat(300 * 1024)),
        // Everybody can read the symmetric key and sign with it.
        ("only a symmetric key", 200, r#"{"issuer":"{base}","jwks_uri":"{base}/keys"}"#),
    ] {
        let base = issuer(status, discovery).await;
        let api = api_with(|issuers| issuers[0].issuer = Issuer::new(&base, None).unwrap()).await;
        let header = encode(&json!({ "alg": "RS256", "kid": "k" }));
        let answer = create_as(&api, &format!("Bearer {header}.{}.AAAA", encode(&json!({ "iss": base })))).await;
        UNREACHABLE.assert(name, &answer);
        assert_eq!(answer.header("retry-after"), "10");
    }
}
