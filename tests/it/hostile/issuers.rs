//! Issuers: when their keys are fetched, and those that are away or lie.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use acs_tokens::auth::bearer::Issuer;
use axum::{Router, routing::get};
use serde_json::json;
use tokio::{net::TcpListener, task::JoinSet};

use super::{Service, encode};
use crate::harness::Answer;

const UNKNOWN_KEY: &str = "The token's kid is none of the issuer's keys.";

#[tokio::test]
async fn keys_are_fetched_when_needed_and_not_more_often() {
    let service = Service::start().await;
    assert_eq!(service.fetches().await, (0, 0));
    let bearer = format!("Bearer {}", service.token(json!({})).await);
    let mut all = JoinSet::new();
    for _ in 0..20 {
        all.spawn(Answer::of(service.create().header("authorization", &bearer)));
    }
    assert!(all.join_all().await.iter().all(|answer| answer.status == 201));
    assert_eq!(service.fetches().await, (1, 1));

    // A storm of unknown keys right behind it makes no request at all.
    let mut all = JoinSet::new();
    for i in 0..50 {
        let token = service.token(json!({ "header": { "kid": format!("unknown-{i}") } })).await;
        all.spawn(Answer::of(service.create().header("authorization", format!("Bearer {token}"))));
    }
    for answer in all.join_all().await {
        answer.assert_problem(401, "unauthorized", "Not authorized", UNKNOWN_KEY, &[]);
    }
    assert_eq!(service.fetches().await, (1, 1));
    service.create_as(&bearer).await.assert_ok(201);
}

/// Lets time pass for the programs in here, all of which read tokio's clock.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

#[tokio::test]
async fn new_keys_are_found_and_old_ones_forgotten() {
    let service = Service::start().await;
    let old = format!("Bearer {}", service.token(json!({})).await);
    service.create_as(&old).await.assert_ok(201);
    service.issuer("POST", "/rotate", None).await;
    let new = format!("Bearer {}", service.token(json!({})).await);
    // Within ten seconds of the last fetch there is none.
    assert_eq!(service.create_as(&new).await.status, 401);
    assert_eq!(service.fetches().await, (1, 1));
    pass(Duration::from_secs(10)).await;
    service.create_as(&new).await.assert_ok(201);
    assert_eq!(service.fetches().await, (2, 2));
    // The old key is none of the issuer's any more.
    let answer = service.create_as(&old).await;
    answer.assert_problem(401, "unauthorized", "Not authorized", UNKNOWN_KEY, &[]);
}

#[tokio::test]
async fn keys_are_kept_while_the_issuer_fails() {
    static ASKED: AtomicU32 = AtomicU32::new(0);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let issuer = Issuer::new(&base, None).unwrap();
    let service = Service::with(|settings, _| settings.issuers = vec![issuer]).await;
    let discovery = json!({ "issuer": base, "jwks_uri": format!("{}/_emulator/oidc/jwks", service.emulator) });
    // It answers once and never again.
    let answer = move || {
        let first = ASKED.fetch_add(1, Ordering::SeqCst) == 0;
        let answer = first.then(|| discovery.to_string()).ok_or(http::StatusCode::SERVICE_UNAVAILABLE);
        async { answer }
    };
    let app = Router::new().route("/.well-known/openid-configuration", get(answer));
    tokio::spawn(async move { axum::serve(listener, app).await });

    let token = service.token(json!({ "claims": { "iss": base } })).await;
    for times_asked in 1..4 {
        service.create_as(&format!("Bearer {token}")).await.assert_ok(201);
        assert_eq!(ASKED.load(Ordering::SeqCst), times_asked);
        // After an hour keys are fetched again, even for one that is known.
        pass(Duration::from_secs(3601)).await;
    }
}

/// An issuer that answers discovery so, on this machine.
async fn lying(discovery: fn(&str) -> (u16, String)) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let (status, body) = discovery(&base);
    let status = http::StatusCode::from_u16(status).unwrap();
    let location = format!("{base}/keys");
    let app = Router::new()
        .route(
            "/.well-known/openid-configuration",
            get(move || async move { (status, [("location", location)], body) }),
        )
        .route("/keys", get(|| async { r#"{"keys":[{"kty":"oct","kid":"k","k":"bWluZQ"}]}"# }));
    tokio::spawn(async move { axum::serve(listener, app).await });
    base
}

#[tokio::test]
async fn issuers_that_lie_or_fail_let_nobody_in() {
    for (name, status, discovery) in [
        (
            "another issuer",
            503,
            (|base| (200, json!({ "issuer": "https://a.example", "jwks_uri": format!("{base}/keys") }).to_string()))
                as fn(&str) -> (u16, String),
        ),
        ("a slash more", 503, |base| {
            (200, json!({ "issuer": format!("{base}/"), "jwks_uri": format!("{base}/keys") }).to_string())
        }),
        ("keys in the clear", 503, |base| {
            (200, json!({ "issuer": base, "jwks_uri": "http://a.example/keys" }).to_string())
        }),
        ("keys in a file", 503, |base| (200, json!({ "issuer": base, "jwks_uri": "file:///etc/passwd" }).to_string())),
        ("a redirect", 503, |_| (302, String::new())),
        ("an error", 503, |_| (500, String::new())),
        ("no JSON", 503, |_| (200, "<html>".to_owned())),
        ("too long", 503, |_| (200, " ".repeat(300 * 1024))),
        // Honest, but its only key is a shared secret that everybody can read.
        ("a symmetric key", 503, |base| {
            (200, json!({ "issuer": base, "jwks_uri": format!("{base}/keys") }).to_string())
        }),
    ] {
        let base = lying(discovery).await;
        let service = Service::with(|settings, _| settings.issuers = vec![Issuer::new(&base, None).unwrap()]).await;
        let header = encode(&json!({ "alg": "RS256", "kid": "k" }));
        let answer = service.create_as(&format!("Bearer {header}.{}.AAAA", encode(&json!({ "iss": base })))).await;
        assert_eq!(answer.status, status, "{name}: {answer:?}");
        if status == 503 {
            let detail = "The token cannot be checked now: its issuer's keys could not be fetched.";
            answer.assert_problem(503, "issuer-unreachable", "The token's issuer was not reached", detail, &[]);
            assert_eq!(answer.header("retry-after"), "10");
        } else {
            answer.assert_problem(401, "unauthorized", "Not authorized", UNKNOWN_KEY, &[]);
        }
    }
}
