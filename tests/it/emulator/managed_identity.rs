//! Tokens as App Service gives them to an app, and who is believed for showing one.

use acs_tokens::emulator::{Certificate, DEVELOPMENT_IDENTITY_HEADER};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    Answer, Bench, Call,
    authentication::{Log, TARGET},
    tls::{Scratch, send, serve},
};

const ASK: &str = "/_emulator/msi/token?api-version=2019-08-01&resource=https%3A%2F%2Fcommunication.azure.com%2F";
const DENIED: &str = r#"{"error":{"code":"Denied","message":"Denied by the resource provider."}}"#;

/// A request to the token endpoint, as `azure_identity` sends it.
fn ask(bench: &Bench, target: &str) -> Call {
    let mut call = bench.call("GET", target, "");
    call.remove("Authorization");
    call.set("X-IDENTITY-HEADER", DEVELOPMENT_IDENTITY_HEADER);
    call.set("Metadata", "true");
    call
}

async fn token(bench: &Bench, target: &str) -> String {
    let answer = bench.send(&ask(bench, target)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["access_token"].as_str().unwrap().to_owned()
}

fn with_bearer(bench: &Bench, token: &str) -> Call {
    let mut call = bench.call("POST", TARGET, "{}");
    call.set("Authorization", &format!("Bearer {token}"));
    call
}

#[tokio::test]
async fn it_answers_in_the_form_of_app_service() {
    let bench = Bench::start().await;
    let answer = bench.send(&ask(&bench, ASK)).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    let mut answer = answer.json();
    let expires_on: i64 = answer["expires_on"].as_str().unwrap().parse().unwrap();
    let left = expires_on - Timestamp::now().as_second();
    assert!((86_390..=86_400).contains(&left), "{left}");
    answer.as_object_mut().unwrap().retain(|name, _| !["access_token", "expires_on"].contains(&name.as_str()));
    let expected = json!({
        "client_id": "5e11a551-0000-4000-8000-5e11a5510000",
        "resource": "https://communication.azure.com/",
        "token_type": "Bearer",
    });
    assert_eq!(answer, expected);

    let client_id = "c11e0000-0000-4000-8000-c11e00000000";
    let answer = bench.send(&ask(&bench, &format!("{ASK}&client_id={client_id}"))).await.json();
    assert_eq!(answer["client_id"], client_id);
    let state = bench.control("GET", "state", &Value::Null).await.json();
    assert_eq!(state["managedIdentityTokens"], 2);
}

#[tokio::test]
async fn it_says_what_it_wants_in_that_form_too() {
    let bench = Bench::start().await;
    let base = "/_emulator/msi/token";
    for (target, header, status, message) in [
        (ASK, "", 401, "the X-IDENTITY-HEADER is not that of the emulator"),
        (ASK, "x", 401, "the X-IDENTITY-HEADER is not that of the emulator"),
        (base, DEVELOPMENT_IDENTITY_HEADER, 400, "the api-version must be 2019-08-01"),
        (
            &format!("{base}?api-version=2018-02-01&resource=x"),
            DEVELOPMENT_IDENTITY_HEADER,
            400,
            "the api-version must be 2019-08-01",
        ),
        (&format!("{base}?api-version=2019-08-01"), DEVELOPMENT_IDENTITY_HEADER, 400, "the resource is missing"),
        (&format!("{ASK}&client_id=me"), DEVELOPMENT_IDENTITY_HEADER, 400, "the client_id is not a GUID"),
    ] {
        let mut call = ask(&bench, target);
        call.set("X-IDENTITY-HEADER", header);
        let answer = bench.send(&call).await;
        let expected = json!({ "statusCode": status, "message": message });
        assert_eq!((answer.status, answer.json()), (status, expected), "{target}");
    }
}

#[tokio::test]
async fn it_is_believed_over_https_alone() {
    let (log, _guard) = Log::capture();
    let scratch = Scratch::new("bearer.pem");
    let certificate = Certificate::self_signed(&scratch.0).unwrap();
    let secure = serve(certificate.clone()).await;
    let ask = async |call: &Call| -> Answer { send(&secure, &certificate, "localhost", call).await.unwrap() };
    let fetch = async |target: &str| -> String {
        let answer = ask(&self::ask(&secure, target)).await;
        answer.json()["access_token"].as_str().unwrap().to_owned()
    };
    let good = fetch(ASK).await;
    let answer = ask(&with_bearer(&secure, &good)).await;
    assert_eq!(answer.status, 201, "{answer:?}");

    let no_slash = fetch("/_emulator/msi/token?api-version=2019-08-01&resource=https://communication.azure.com").await;
    let mut order = secure.call("PUT", "/_emulator/settings", r#"{"managedIdentityTokenLifetimeSeconds":-60}"#);
    order.remove("Authorization");
    assert_eq!(ask(&order).await.status, 204);
    let expired = fetch(ASK).await;
    let mut forged = good.clone();
    // The last letter but one: the last one's bits are not all part of the signature.
    let at = forged.len() - 2;
    forged.replace_range(at..=at, if &forged[at..=at] == "A" { "B" } else { "A" });
    for (token, reason) in [
        (
            &*no_slash,
            "the audience of the bearer token is 'https://communication.azure.com'; it must be 'https://communication.azure.com/'",
        ),
        (&expired, "the bearer token expired 60 seconds ago"),
        (&forged, "the bearer token was not issued by this emulator"),
        ("", "the bearer token was not issued by this emulator"),
    ] {
        let answer = ask(&with_bearer(&secure, token)).await;
        assert_eq!((answer.status, answer.body.as_str()), (401, DENIED), "{reason}");
        let text = log.take();
        assert!(text.contains(reason) && !text.contains("eyJ"), "{text}");
    }

    // Entra's rule for all SDKs: no bearer token over plain http.
    let plain = Bench::start().await;
    let answer = plain.send(&with_bearer(&plain, &token(&plain, ASK).await)).await;
    assert_eq!((answer.status, answer.body.as_str()), (401, DENIED));
    assert!(log.take().contains("a bearer token was sent over plain http; use the emulator's https address"));
}
