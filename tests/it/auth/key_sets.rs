//! Which keys of an issuer are used, and when its documents are fetched.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use acs_tokens::auth::bearer::Issuer;
use axum::{Router, extract::OriginalUri, response::IntoResponse as _};
use http::StatusCode;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinSet};

use super::{
    api_with, backend_token, create, create_as,
    issuers::advance,
    rejection::{ALGORITHM_OF_KEY, UNKNOWN_KEY, UNREACHABLE},
    with,
};
use crate::{
    harness::{Answer, Api},
    process::{in_time, until},
};

/// The response to a request for one of the documents.
#[derive(Clone)]
enum Response {
    /// A status, the value of `Retry-After`, and a body.
    Reply(u16, &'static str, String),
    /// No response.
    Never,
}
use Response::{Never, Reply};

/// An issuer whose documents the test chooses. Tokens are signed with the emulator's keys.
struct Fixture {
    api: Api,
    base: String,
    documents: Arc<Mutex<Documents>>,
}

struct Documents {
    discovery: Response,
    keys: Response,
    requests: u32,
}

fn ok(document: &Value) -> Response {
    Reply(200, "", document.to_string())
}

impl Fixture {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let api = api_with(|issuers| issuers[0].issuer = Issuer::new(&base, None).unwrap()).await;
        let discovery = ok(&json!({ "issuer": base, "jwks_uri": format!("{base}/keys") }));
        let keys = ok(&api.control("GET", "oidc/jwks", None).await);
        let documents = Arc::new(Mutex::new(Documents { discovery, keys, requests: 0 }));
        let app = Router::new().fallback({
            let documents = Arc::clone(&documents);
            async move |OriginalUri(uri): OriginalUri| {
                let response = {
                    let mut documents = documents.lock().unwrap();
                    documents.requests += 1;
                    if uri.path() == "/keys" { documents.keys.clone() } else { documents.discovery.clone() }
                };
                match response {
                    Reply(status, retry_after, body) => {
                        (StatusCode::from_u16(status).unwrap(), [("retry-after", retry_after)], body).into_response()
                    }
                    Never => std::future::pending().await,
                }
            }
        });
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { api, base, documents }
    }

    /// Returns the emulator's public keys: RSA, P-256 and Ed25519.
    async fn public_keys(&self) -> Vec<Value> {
        self.api.control("GET", "oidc/jwks", None).await["keys"].as_array().unwrap().clone()
    }

    fn set_keys(&self, keys: &[Value]) {
        self.documents.lock().unwrap().keys = ok(&json!({ "keys": keys }));
    }

    fn requests(&self) -> u32 {
        self.documents.lock().unwrap().requests
    }

    /// Returns a token of the issuer with this algorithm and key id.
    async fn token(&self, algorithm: &str, id: &str) -> String {
        let spec = json!({ "alg": algorithm, "header": { "kid": id }, "claims": { "iss": self.base } });
        format!("Bearer {}", backend_token(&self.api, "", spec).await)
    }

    async fn create(&self, algorithm: &str, id: &str) -> Answer {
        create_as(&self.api, &self.token(algorithm, id).await).await
    }
}

fn named(key: &Value, id: &str) -> Value {
    with(key.clone(), &json!({ "kid": id }))
}

#[tokio::test]
async fn an_rsa_key_with_leading_zero_bytes_is_used() {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

    let fixture = Fixture::start().await;
    let rsa = &fixture.public_keys().await[0];
    let padded = |name: &str| {
        let number = URL_SAFE_NO_PAD.decode(rsa[name].as_str().unwrap()).unwrap();
        URL_SAFE_NO_PAD.encode([&[0, 0], &number[..]].concat())
    };
    for algorithm in ["RS256", "PS256"] {
        let rsa = with(named(rsa, "k1"), &json!({ "n": padded("n"), "e": padded("e"), "alg": null }));
        fixture.set_keys(&[rsa]);
        advance(Duration::from_secs(60 * 60)).await;
        fixture.create(algorithm, "k1").await.assert_ok(201);
    }
}

#[tokio::test]
async fn keys_of_different_types_may_share_an_id() {
    for order in [[0, 1, 2], [1, 0, 2], [2, 1, 0]] {
        let fixture = Fixture::start().await;
        let keys = fixture.public_keys().await;
        fixture.set_keys(&order.map(|i: usize| named(&keys[i], "k1")));
        for algorithm in ["RS256", "ES256", "EdDSA"] {
            fixture.create(algorithm, "k1").await.assert_ok(201);
        }
    }
    let fixture = Fixture::start().await;
    fixture.set_keys(&[named(&fixture.public_keys().await[1], "k1")]);
    ALGORITHM_OF_KEY.assert("only a key of another type", &fixture.create("RS256", "k1").await);
}

#[tokio::test]
async fn an_unusable_key_set_never_replaces_a_usable_one() {
    let fixture = Fixture::start().await;
    let rsa = named(&fixture.public_keys().await[0], "k1");
    fixture.set_keys(std::slice::from_ref(&rsa));
    fixture.create("RS256", "k1").await.assert_ok(201);
    let key = |change: Value| ok(&json!({ "keys": [with(rsa.clone(), &change)] }));
    for (name, keys) in [
        ("no key", ok(&json!({ "keys": [] }))),
        ("no list", ok(&json!({}))),
        ("only a key for encryption", key(json!({ "use": "enc" }))),
        ("only a key for signing", key(json!({ "key_ops": ["sign"] }))),
        ("only a symmetric key", ok(&json!({ "keys": [{ "kty": "oct", "kid": "k1", "k": "bWluZQ" }] }))),
        ("only a key without kid", key(json!({ "kid": null }))),
        ("only a short key", key(json!({ "n": "AQAB" }))),
        ("only another algorithm", key(json!({ "alg": "RS512" }))),
        ("HTML", Reply(200, "", "<html>".to_owned())),
        ("an error", Reply(500, "", String::new())),
    ] {
        fixture.documents.lock().unwrap().keys = keys;
        let requests = fixture.requests();
        advance(Duration::from_secs(10)).await;
        // Someone sends a key id of their own, which causes a fetch.
        UNKNOWN_KEY.assert(name, &fixture.create("RS256", "unknown").await);
        assert_eq!(fixture.requests(), requests + 2, "{name}");
        assert_eq!(fixture.create("RS256", "k1").await.status, 201, "{name}");
    }
}

#[tokio::test]
async fn an_issuer_that_hangs_delays_no_request_with_a_known_key() {
    let fixture = Fixture::start().await;
    let rsa = named(&fixture.public_keys().await[0], "k1");
    fixture.set_keys(&[rsa]);
    let token = fixture.token("RS256", "k1").await;
    create_as(&fixture.api, &token).await.assert_ok(201);
    fixture.documents.lock().unwrap().discovery = Never;
    advance(Duration::from_secs(60 * 60)).await;
    for _ in 0..3 {
        in_time("an answer with the known keys", create_as(&fixture.api, &token)).await.assert_ok(201);
    }
    until("the fetch in the background", async || fixture.requests() == 3).await;
}

#[tokio::test]
async fn retry_after_of_an_issuer_is_obeyed_once_for_all_requests() {
    for (status, at_keys) in [(429, false), (503, false), (429, true), (503, true)] {
        let fixture = Fixture::start().await;
        fixture.set_keys(&[named(&fixture.public_keys().await[0], "k1")]);
        let token = fixture.token("RS256", "k1").await;
        let throttled = Reply(status, "30", String::new());
        let working = {
            let mut documents = fixture.documents.lock().unwrap();
            let document = if at_keys { &mut documents.keys } else { &mut documents.discovery };
            std::mem::replace(document, throttled)
        };
        let fetched = 1 + u32::from(at_keys);
        for (passed, left) in [(0, 29..=30), (10, 19..=20), (19, 1..=1)] {
            advance(Duration::from_secs(passed)).await;
            let send = || Answer::of(create(&fixture.api).header("authorization", &token));
            for answer in (0..5).map(|_| send()).collect::<JoinSet<Answer>>().join_all().await {
                UNREACHABLE.assert("throttled", &answer);
                let seconds: u64 = answer.header("retry-after").parse().unwrap();
                assert!(left.contains(&seconds), "{seconds} after {passed}");
            }
            assert_eq!(fixture.requests(), fetched, "{status}");
        }
        {
            let mut documents = fixture.documents.lock().unwrap();
            if at_keys { documents.keys = working } else { documents.discovery = working }
        }
        advance(Duration::from_secs(2)).await;
        create_as(&fixture.api, &token).await.assert_ok(201);
    }
}

#[tokio::test]
async fn retry_after_of_other_answers_is_not_obeyed() {
    let fixture = Fixture::start().await;
    let token = fixture.token("RS256", "emulator-rsa-0").await;
    let throttled = Reply(500, "3000", String::new());
    let working = std::mem::replace(&mut fixture.documents.lock().unwrap().discovery, throttled);
    let answer = create_as(&fixture.api, &token).await;
    UNREACHABLE.assert("500", &answer);
    assert_eq!(answer.header("retry-after"), "10");
    fixture.documents.lock().unwrap().discovery = working;
    advance(Duration::from_secs(1)).await;
    create_as(&fixture.api, &token).await.assert_ok(201);
}

#[tokio::test]
async fn an_issuer_is_verified_by_its_documents() {
    let fixture = Fixture::start().await;
    let issuer = Issuer::new(&fixture.base, None).unwrap();
    let verified = issuer.verify().await.unwrap();
    assert_eq!((verified.usable_keys, verified.keys_address.path()), (3, "/keys"));
    for (discovery, expected) in [
        (ok(&json!({ "issuer": format!("{}/", fixture.base), "jwks_uri": "x" })), "only the slash at the end differs"),
        (ok(&json!({ "issuer": "https://a.example", "jwks_uri": "x" })), "names the issuer \"https://a.example\"; set"),
        (ok(&json!({ "issuer": fixture.base, "jwks_uri": "http://a.example" })), "jwks_uri that is not https"),
        (Reply(404, "", String::new()), "returned 404; compare the issuer"),
        (Reply(302, "", String::new()), "redirects are not followed"),
        (Reply(200, "", "<html>".to_owned()), "has an unexpected content"),
    ] {
        fixture.documents.lock().unwrap().discovery = discovery;
        let error = issuer.verify().await.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    // The discovery document can have another address, with a query.
    let elsewhere = Issuer::new("https://a.example", None).unwrap();
    let elsewhere = elsewhere.with_metadata(&format!("{}/d?p=B2C_1_susi", fixture.base)).unwrap();
    fixture.documents.lock().unwrap().discovery =
        ok(&json!({ "issuer": "https://a.example", "jwks_uri": format!("{}/keys", fixture.base) }));
    assert_eq!(elsewhere.verify().await.unwrap().usable_keys, 3);
    fixture.set_keys(&[]);
    let error = elsewhere.verify().await.unwrap_err().to_string();
    assert_eq!(
        error,
        "the key set of https://a.example has no usable key: RSA of 2048 bits or more, P-256 or Ed25519, with a kid"
    );
}
