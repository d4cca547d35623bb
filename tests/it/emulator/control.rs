//! The control: who gets in, and what it says.

use serde_json::{Value, json};

use super::{Bench, STABLE};

#[tokio::test]
async fn it_does_not_open_to_web_pages_or_other_names() {
    let bench = Bench::start().await;
    let port = bench.address.port();
    for (header, value, status) in [
        ("Host", format!("localhost:{port}"), 200),
        ("Host", format!("[::1]:{port}"), 200),
        ("Host", "127.0.0.1".to_owned(), 200),
        ("Host", format!("emulator.example:{port}"), 403),
        ("Host", format!("localhost.example:{port}"), 403),
        ("Host", String::new(), 403),
        // The emulator's own page, and pages that are not.
        ("Origin", format!("http://127.0.0.1:{port}"), 200),
        ("Origin", format!("https://127.0.0.1:{port}"), 403),
        ("Origin", format!("http://localhost:{port}"), 403),
        ("Origin", "http://127.0.0.1".to_owned(), 403),
        ("Origin", "https://attacker.example".to_owned(), 403),
        ("Origin", "null".to_owned(), 403),
    ] {
        let mut call = bench.call("GET", "/_emulator/state", "");
        call.set(header, &value);
        assert_eq!(bench.send(&call).await.status, status, "{header}: {value}");
    }
}

#[tokio::test]
async fn it_says_what_it_wants() {
    let bench = Bench::start().await;
    for (method, path, body, status, error) in [
        (
            "GET",
            "nowhere",
            Value::Null,
            404,
            "unknown path; the paths are state, reset, faults, calls, settings, tokens/check, entra/tokens, msi/token, keys, \
             keys/regenerate, jwks.json, oidc",
        ),
        ("POST", "", Value::Null, 405, "'' does not allow POST; use GET"),
        ("POST", "state", Value::Null, 405, "'state' does not allow POST; use GET"),
        ("GET", "reset", Value::Null, 405, "'reset' does not allow GET; use POST"),
        ("PUT", "faults", Value::Null, 405, "'faults' does not allow PUT; use GET, POST or DELETE"),
        ("POST", "faults", Value::Null, 400, "EOF while parsing a value at line 1 column 0"),
        (
            "PUT",
            "settings",
            json!({"gone": "x"}),
            400,
            "unknown variant `x`, expected `IdentityNotOwned` or `IdentityNotFound` at line 1 column 11",
        ),
        ("POST", "tokens/check", json!({}), 400, "missing field `token` at line 1 column 2"),
        (
            "POST",
            "entra/tokens",
            json!({"appId": "00000000-0000-0000-0000-000000000001"}),
            400,
            "missing field `userId` at line 1 column 48",
        ),
    ] {
        let answer = bench.control(method, path, &body).await;
        assert_eq!((answer.status, &answer.json()), (status, &json!({ "error": error })));
        assert_eq!(answer.header("content-type"), Some("application/json"));
    }
    let mut call = bench.call("POST", "/_emulator/faults", r#"{"reset":true}"#);
    call.set("Content-Type", "text/plain");
    assert_eq!(bench.send(&call).await.status, 415);
}

#[tokio::test]
async fn a_reset_forgets_everything() {
    let bench = Bench::start().await;
    let id = bench.identity().await;
    bench.control("POST", "faults", &json!({"reset": true})).await;
    bench.control("PUT", "settings", &json!({"gone": "IdentityNotFound", "tokenLifetimeSeconds": 5})).await;
    assert_eq!(bench.control("POST", "reset", &Value::Null).await.status, 204);
    let state = bench.control("GET", "state", &Value::Null).await.json();
    assert_eq!(
        state,
        json!({
            "resource": "acacacac-acac-4aca-8aca-acacacacacac",
            "functions": null,
            "identities": [],
            "calls": {},
            "faults": [],
            "settings": {
                "gone": "IdentityNotOwned",
                "managedIdentityTokenLifetimeSeconds": null,
                "tokenLifetimeSeconds": null,
            },
            "managedIdentityTokens": 0,
        })
    );
    assert_eq!(bench.ask("DELETE", &format!("/identities/{id}?{STABLE}"), "").await.status, 401);
}

#[tokio::test]
async fn it_counts_every_call_and_none_of_its_own() {
    let bench = Bench::start().await;
    bench.identity().await;
    let mut unsigned = bench.call("POST", &format!("/identities?{STABLE}"), "{}");
    unsigned.remove("Authorization");
    bench.send(&unsigned).await;
    bench.ask("GET", "/nowhere", "").await;
    let calls = bench.control("GET", "calls", &Value::Null).await.json();
    assert_eq!(
        calls,
        json!({"create-identity": {"received": 2, "faulted": 0}, "other": {"received": 1, "faulted": 0}})
    );
    assert_eq!(bench.control("DELETE", "calls", &Value::Null).await.status, 204);
    assert_eq!(bench.control("GET", "calls", &Value::Null).await.json(), json!({}));
}
