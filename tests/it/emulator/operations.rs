//! What each operation gives, as recorded traffic shows it.

use serde_json::{Value, json};

use super::{Answer, Bench, STABLE};

/// `expiresOn` has seven decimals and an offset, never `Z`.
fn assert_expires_on(text: &str, minutes: i64) {
    assert_eq!(text.len(), "2025-07-10T21:39:39.3244584+00:00".len(), "{text}");
    assert!(text.ends_with("+00:00") && text.as_bytes()[19] == b'.', "{text}");
    let left = text.parse::<jiff::Timestamp>().unwrap().duration_since(jiff::Timestamp::now());
    assert!((minutes * 60 - 30..=minutes * 60 + 1).contains(&left.as_secs()), "{text} is {left:?} away");
}

fn assert_no_content(answer: &Answer) {
    assert_eq!((answer.status, answer.body.as_str()), (204, ""), "{answer:?}");
    for absent in ["content-type", "content-length", "transfer-encoding"] {
        assert_eq!(answer.header(absent), None, "{answer:?}");
    }
}

#[tokio::test]
async fn creates_an_identity_from_an_empty_body_and_from_an_empty_object() {
    let bench = Bench::start().await;
    for body in ["", "{}", r#"{"createTokenWithScopes":null}"#, r#"{"createTokenWithScopes":[]}"#] {
        let answer = bench.ask("POST", &format!("/identities?{STABLE}"), body).await;
        let id = answer.json()["identity"]["id"].as_str().unwrap().to_owned();
        assert_eq!((answer.status, answer.body), (201, format!(r#"{{"identity":{{"id":"{id}"}}}}"#)));
        let (resource, user) = id.strip_prefix("8:acs:").unwrap().split_once('_').unwrap();
        assert_eq!(resource, "acacacac-acac-4aca-8aca-acacacacacac");
        assert_eq!(uuid::Uuid::parse_str(user).unwrap().to_string(), user);
    }
}

#[tokio::test]
async fn a_success_has_the_headers_of_the_service() {
    let bench = Bench::start().await;
    let mut call = bench.call("POST", &format!("/identities?{STABLE}"), "{}");
    call.set("x-ms-client-request-id", "12345678-0000-0000-0000-000000000000");
    let answer = bench.send(&call).await;
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
async fn creates_an_identity_with_its_first_token() {
    let bench = Bench::start().await;
    let body = r#"{"createTokenWithScopes":["chat","voip"],"expiresInMinutes":60}"#;
    let answer = bench.ask("POST", &format!("/identities?{STABLE}"), body).await;
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
async fn issues_tokens_for_a_day_or_as_long_as_asked() {
    let bench = Bench::start().await;
    let target = format!("/identities/{}/:issueAccessToken?{STABLE}", bench.identity().await);
    for (body, minutes) in [
        (r#"{"scopes":["voip"]}"#, 1440),
        (r#"{"scopes":["voip"],"expiresInMinutes":null}"#, 1440),
        // Python writes spaces.
        (r#"{"scopes": ["voip"], "expiresInMinutes": 60}"#, 60),
        (r#"{"scopes":["chat","voip","chat.join","chat.join.limited","voip.join"],"expiresInMinutes":1440}"#, 1440),
    ] {
        let answer = bench.ask("POST", &target, body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let json = answer.json();
        let expires_on = json["expiresOn"].as_str().unwrap();
        assert_expires_on(expires_on, minutes);
        assert_eq!(answer.body, format!(r#"{{"token":{},"expiresOn":"{expires_on}"}}"#, json["token"]));
    }
}

#[tokio::test]
async fn ids_come_literal_and_percent_encoded() {
    let bench = Bench::start().await;
    let id = bench.identity().await;
    for id in [id.clone(), id.replace(':', "%3A"), id.replace(':', "%3a")] {
        let target = format!("/identities/{id}/:issueAccessToken?{STABLE}");
        assert_eq!(bench.ask("POST", &target, r#"{"scopes":["chat"]}"#).await.status, 200, "{id}");
    }
    let target = format!("/identities/{}?{STABLE}", id.replace(':', "%3A"));
    assert_no_content(&bench.ask("DELETE", &target, "").await);
}

#[tokio::test]
async fn revoking_and_deleting_answer_nothing() {
    let bench = Bench::start().await;
    let id = bench.identity().await;
    let revoke = format!("/identities/{id}/:revokeAccessTokens?{STABLE}");
    assert_no_content(&bench.ask("POST", &revoke, "").await);
    assert_no_content(&bench.ask("POST", &revoke, "").await);
    // The JavaScript SDK sends a DELETE without Content-Length.
    let mut delete = bench.call("DELETE", &format!("/identities/{id}?{STABLE}"), "");
    delete.remove("Content-Length");
    assert_no_content(&bench.send(&delete).await);
}

#[tokio::test]
async fn the_state_tells_living_from_deleted() {
    let bench = Bench::start().await;
    let (kept, gone) = (bench.identity().await, bench.identity().await);
    bench.ask("POST", &format!("/identities/{kept}/:issueAccessToken?{STABLE}"), r#"{"scopes":["chat"]}"#).await;
    bench.ask("DELETE", &format!("/identities/{gone}?{STABLE}"), "").await;
    let state = bench.control("GET", "state", &Value::Null).await.json();
    let identities = state["identities"].as_array().unwrap();
    assert_eq!(identities.len(), 2);
    assert_eq!((&identities[0]["id"], &identities[0]["tokensIssued"]), (&json!(kept), &json!(1)));
    assert_eq!(identities[0]["deletedAt"], Value::Null);
    assert_eq!((&identities[1]["id"], &identities[1]["tokensIssued"]), (&json!(gone), &json!(0)));
    assert!(identities[1]["deletedAt"].is_string());
}
