//! The control API: admission, errors, state and counters.

use serde_json::{Value, json};

use super::{CREATE, Server, target};

#[tokio::test]
async fn other_host_names_and_web_pages_are_rejected() {
    let server = Server::start().await;
    let port = server.address.port();
    for (header, value, status) in [
        ("Host", format!("localhost:{port}"), 200),
        ("Host", format!("[::1]:{port}"), 200),
        ("Host", "127.0.0.1".to_owned(), 200),
        ("Host", format!("emulator.example:{port}"), 403),
        ("Host", format!("localhost.example:{port}"), 403),
        ("Host", String::new(), 403),
        ("Origin", format!("http://127.0.0.1:{port}"), 200),
        ("Origin", format!("https://127.0.0.1:{port}"), 403),
        ("Origin", format!("http://localhost:{port}"), 403),
        ("Origin", "http://127.0.0.1".to_owned(), 403),
        ("Origin", "https://attacker.example".to_owned(), 403),
        ("Origin", "null".to_owned(), 403),
    ] {
        let mut request = server.control_request("GET", "state", &Value::Null);
        request.set(header, &value);
        assert_eq!(server.send(&request).await.status, status, "{header}: {value}");
    }
}

#[tokio::test]
async fn errors_name_the_problem() {
    let server = Server::start().await;
    let none = Value::Null;
    let paths = "unknown path; the paths are state, reset, faults, calls, settings, tokens/check, entra/tokens, msi/token, \
                 assignments, keys, keys/regenerate, jwks.json, oidc";
    let gone = "unknown variant `x`, expected `IdentityNotFound` or `IdentityNotOwned` at line 1 column 11";
    let app = json!({"appId": "00000000-0000-0000-0000-000000000001"});
    let assignment = json!({ "tenantId": app["appId"], "objectId": app["appId"], "principalType": "people" });
    for (method, path, body, status, error) in [
        ("GET", "nowhere", &none, 404, paths),
        ("POST", "", &none, 405, "'' does not allow POST; use GET"),
        ("POST", "state", &none, 405, "'state' does not allow POST; use GET"),
        ("PUT", "faults", &none, 405, "'faults' does not allow PUT; use GET, POST or DELETE"),
        ("GET", "oidc/rotate", &none, 405, "'/rotate' does not allow GET; use POST"),
        ("POST", "faults", &none, 400, "EOF while parsing a value at line 1 column 0"),
        ("PUT", "settings", &json!({"gone": "x"}), 400, gone),
        ("POST", "tokens/check", &json!({}), 400, "missing field `token` at line 1 column 2"),
        ("POST", "entra/tokens", &app, 400, "missing field `userId` at line 1 column 48"),
        ("PUT", "assignments", &assignment, 400, "principalType must be user, resourceAccount or teamsResourceAccount"),
    ] {
        let answer = server.control(method, path, body).await;
        assert_eq!((answer.status, &answer.json()), (status, &json!({ "error": error })));
        assert_eq!(answer.header("content-type"), Some("application/json"));
    }
    let mut request = server.control_request("POST", "faults", &json!({"reset": true}));
    request.set("Content-Type", "text/plain");
    assert_eq!(server.send(&request).await.status, 415);
}

#[tokio::test]
async fn reset_returns_to_the_initial_state() {
    let server = Server::start().await;
    let id = server.identity().await;
    server.order("POST", "faults", &json!({"reset": true})).await;
    server.order("PUT", "settings", &json!({"gone": "IdentityNotOwned", "tokenLifetimeSeconds": 5})).await;
    server.order("POST", "reset", &Value::Null).await;
    let expected = json!({
        "resource": "acacacac-acac-4aca-8aca-acacacacacac",
        "functions": null,
        "identities": [],
        "assignments": [],
        "calls": {},
        "faults": [],
        "settings": {
            "gone": "IdentityNotFound",
            "managedIdentityTokenLifetimeSeconds": null,
            "encryptedTokens": false, "servicePrincipalMissing": false,
            "tokenLifetimeSeconds": null,
        },
        "managedIdentityTokens": 0,
    });
    assert_eq!(server.get("state").await, expected);
    assert_eq!(server.call("DELETE", &target(&id, ""), "").await.status, 404);
}

#[tokio::test]
async fn calls_counts_all_requests_to_the_rest_api() {
    let server = Server::start().await;
    server.identity().await;
    let mut unsigned = server.request("POST", CREATE, "{}");
    unsigned.remove("Authorization");
    server.send(&unsigned).await;
    server.call("GET", "/nowhere", "").await;
    let expected = json!({"create-identity": {"received": 2, "faulted": 0}, "other": {"received": 1, "faulted": 0}});
    assert_eq!(server.get("calls").await, expected);
    server.order("DELETE", "calls", &Value::Null).await;
    assert_eq!(server.get("calls").await, json!({}));
}

#[tokio::test]
async fn health_is_answered_to_every_client_and_is_no_call() {
    let server = Server::start().await;
    server.order("POST", "faults", &json!({"reset": true})).await;
    for (path, status) in [("/health", "alive"), ("/api/health", "alive"), ("/api/health?ready", "ready")] {
        let mut request = server.request("GET", path, "");
        request.remove("Authorization");
        request.set("Host", "emulator.example");
        let answer = server.send(&request).await;
        assert_eq!((answer.status, answer.json()), (200, json!({ "status": status })), "{path}");
    }
    assert_eq!(server.get("calls").await, json!({}));
    assert_eq!(server.get("faults").await.as_array().unwrap().len(), 1);
}
