//! The answers of each operation, byte for byte.

use serde_json::{Value, json};

use super::{Answer, CREATE, Server, target};

/// Checks that `expiresOn` has an offset, never `Z`, and the expected distance from now. The test of recorded exchanges
/// checks its decimals.
#[track_caller]
fn assert_expires_on(text: &str, minutes: i64) {
    assert!(text.ends_with("+00:00"), "{text}");
    let left = text.parse::<jiff::Timestamp>().unwrap().duration_since(jiff::Timestamp::now());
    assert!((minutes * 60 - 30..=minutes * 60 + 1).contains(&left.as_secs()), "{text} is {left:?} away");
}

#[track_caller]
fn assert_no_content(answer: &Answer) {
    assert_eq!((answer.status, answer.body.as_str()), (204, ""), "{answer:?}");
    for absent in ["content-type", "content-length", "transfer-encoding"] {
        assert_eq!(answer.header(absent), None, "{answer:?}");
    }
}

#[tokio::test]
async fn create_without_scopes_returns_an_identity() {
    let server = Server::start().await;
    let bodies =
        ["", "{}", r#"{"createTokenWithScopes":null}"#, r#"{"createTokenWithScopes":[]}"#, r#"{"customId":"b"}"#];
    for body in bodies {
        let answer = server.call("POST", CREATE, body).await;
        let id = answer.json()["identity"]["id"].as_str().unwrap().to_owned();
        assert_eq!((answer.status, answer.body), (201, format!(r#"{{"identity":{{"id":"{id}"}}}}"#)));
        let (resource, user) = id.strip_prefix("8:acs:").unwrap().split_once('_').unwrap();
        assert_eq!(resource, "acacacac-acac-4aca-8aca-acacacacacac");
        assert_eq!(uuid::Uuid::parse_str(user).unwrap().to_string(), user);
    }
}

#[tokio::test]
async fn create_with_scopes_returns_an_identity_and_a_token() {
    let server = Server::start().await;
    let body = r#"{"createTokenWithScopes":["chat","voip"],"expiresInMinutes":60}"#;
    let answer = server.call("POST", CREATE, body).await;
    assert_eq!(answer.status, 201);
    let json = answer.json();
    let (id, token) = (&json["identity"]["id"], &json["accessToken"]["token"]);
    let expires_on = json["accessToken"]["expiresOn"].as_str().unwrap();
    assert_expires_on(expires_on, 60);
    let expected =
        format!(r#"{{"identity":{{"id":{id}}},"accessToken":{{"token":{token},"expiresOn":"{expires_on}"}}}}"#);
    assert_eq!(answer.body, expected);
}

#[tokio::test]
async fn a_success_has_the_headers_of_acs() {
    let server = Server::start().await;
    let mut request = server.request("POST", CREATE, "{}");
    request.set("x-ms-client-request-id", "12345678-0000-0000-0000-000000000000");
    let answer = server.send(&request).await;
    let length = answer.body.len().to_string();
    for (name, value) in [
        ("content-type", "application/json; charset=utf-8"),
        ("content-length", &length),
        ("api-supported-versions", "2021-03-07, 2022-06-01, 2022-10-01, 2023-10-01, 2025-06-30, 2026-09-23"),
        ("request-context", "appId="),
        ("strict-transport-security", "max-age=31536000;includeSubDomains"),
        ("x-cache", "CONFIG_NOCACHE"),
        ("x-ms-client-request-id", "12345678-0000-0000-0000-000000000000"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{name}");
    }
    assert!(answer.header("ms-cv").unwrap().ends_with(".0"));
    assert!(answer.header("x-azure-ref").unwrap().starts_with("emulator-"));
    assert!(answer.header("x-processing-time").unwrap().ends_with("ms"));
    assert_eq!(answer.header("transfer-encoding"), None);
}

#[tokio::test]
async fn only_200_accepts_ranges() {
    let server = Server::start().await;
    let id = server.identity().await;
    let scopes = r#"{"scopes":["chat"]}"#;
    for (method, path, body, status) in [
        ("POST", CREATE.to_owned(), "{}", 201),
        ("POST", target(&id, "/:issueAccessToken"), scopes, 200),
        ("POST", target(&id, "/:issueAccessToken"), "{}", 400),
        ("POST", target(&id, "/:revokeAccessTokens"), "", 204),
        ("DELETE", target(&id, ""), "", 204),
        ("DELETE", target(&id, ""), "", 404),
    ] {
        let answer = server.call(method, &path, body).await;
        let expected = (status == 200).then_some("bytes");
        assert_eq!((answer.status, answer.header("accept-ranges")), (status, expected), "{path}");
    }
}

#[tokio::test]
async fn tokens_last_a_day_or_the_requested_time() {
    let server = Server::start().await;
    let issue = target(&server.identity().await, "/:issueAccessToken");
    for (body, minutes) in [
        (r#"{"scopes":["voip"]}"#, 1440),
        (r#"{"scopes":["voip"],"expiresInMinutes":null}"#, 1440),
        // Python writes spaces.
        (r#"{"scopes": ["voip"], "expiresInMinutes": 60}"#, 60),
        (r#"{"scopes":["chat","voip","chat.join","chat.join.limited","voip.join"],"expiresInMinutes":1440}"#, 1440),
    ] {
        let answer = server.call("POST", &issue, body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let json = answer.json();
        let expires_on = json["expiresOn"].as_str().unwrap();
        assert_expires_on(expires_on, minutes);
        assert_eq!(answer.body, format!(r#"{{"token":{},"expiresOn":"{expires_on}"}}"#, json["token"]));
    }
}

#[tokio::test]
async fn revoke_and_delete_return_no_content() {
    let server = Server::start().await;
    let id = server.identity().await;
    // Ids are literal or percent-encoded.
    for id in [&id, &id.replace(':', "%3A"), &id.replace(':', "%3a")] {
        assert_no_content(&server.call("POST", &target(id, "/:revokeAccessTokens"), "").await);
    }
    // The JavaScript SDK sends a DELETE without Content-Length.
    let mut delete = server.request("DELETE", &target(&id.replace(':', "%3A"), ""), "");
    delete.remove("Content-Length");
    assert_no_content(&server.send(&delete).await);
}

#[tokio::test]
async fn the_state_shows_deleted_identities() {
    let server = Server::start().await;
    let (kept, deleted) = (server.identity().await, server.identity().await);
    server.token(&kept, r#"{"scopes":["chat"]}"#).await;
    server.call("DELETE", &target(&deleted, ""), "").await;
    let state = server.get("state").await;
    let identities = state["identities"].as_array().unwrap();
    assert_eq!(identities.len(), 2);
    assert_eq!((&identities[0]["id"], &identities[0]["tokensIssued"]), (&json!(kept), &json!(1)));
    assert_eq!(identities[0]["deletedAt"], Value::Null);
    assert_eq!((&identities[1]["id"], &identities[1]["tokensIssued"]), (&json!(deleted), &json!(0)));
    assert!(identities[1]["deletedAt"].is_string());
}
