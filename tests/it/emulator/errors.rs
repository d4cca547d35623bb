//! Errors of the REST API with exact status and body: those of ACS (see tests/recorded), and those that the emulator chose.

use acs_tokens::emulator::DEVELOPMENT_RESOURCE;
use serde_json::json;
use uuid::Uuid;

use super::{CREATE, Server, target};

const FOREIGN: &str = "8:acs:00000000-0000-0000-0000-000000000000_00000000-0000-0000-0000-000000000000";
const NOT_OWNED: &str = "Provided identity doesn't belong to the resource.";

#[tokio::test]
async fn invalid_fields() {
    let server = Server::start().await;
    let issue = target(&server.identity().await, "/:issueAccessToken");
    let malformed = |what: &str| format!("The request body is not valid: {what}.");
    let minutes = |minutes: i32| {
        format!("ExpiresInMinutes value {minutes} is invalid. Value must be within the [60, 1440] interval.")
    };
    let eof = malformed("EOF while parsing an object at line 1 column 1");
    let sequence = malformed("invalid type: integer `1`, expected a sequence at line 1 column 2");
    let number = malformed("invalid type: string \"60\", expected i32 at line 1 column 24");
    for (path, body, message, field) in [
        // As ACS.
        (
            CREATE,
            r#"{"createTokenWithScopes":["chat"],"expiresInMinutes":59}"#,
            &*minutes(59),
            Some("ExpiresInMinutes"),
        ),
        (CREATE, r#"{"expiresInMinutes":1441}"#, &minutes(1441), Some("ExpiresInMinutes")),
        (&issue, r#"{"scopes":["chat"],"expiresInMinutes":59}"#, &minutes(59), Some("ExpiresInMinutes")),
        (&issue, r#"{"scopes":["chat"],"expiresInMinutes":1441}"#, &minutes(1441), Some("ExpiresInMinutes")),
        (&issue, "{}", "Scopes: The Scopes field is required.", Some("Scopes")),
        (&issue, r#"{"scopes":[]}"#, "Invalid scopes - Scopes field is required.", Some("scopes")),
        // Chosen.
        (
            CREATE,
            r#"{"createTokenWithScopes":["chat","pstn"]}"#,
            "Invalid scopes - pstn is not supported.",
            Some("scopes"),
        ),
        (&issue, "", &malformed("it is empty"), None),
        (CREATE, "{", &eof, None),
        (CREATE, "[1]", &sequence, None),
        (CREATE, r#"{"expiresInMinutes":"60"}"#, &number, None),
    ] {
        let answer = server.call("POST", path, body).await;
        answer.assert_error(400, "ValidationError", message, field);
        // The model binder answers before the versions are added.
        let binder = field.is_none_or(|field| field == "Scopes");
        assert_eq!(answer.header("api-supported-versions").is_none(), binder, "{body}");
    }
    assert_eq!(server.get("state").await["identities"].as_array().unwrap().len(), 1, "an error creates no identity");
}

#[tokio::test]
async fn identities_of_another_resource() {
    let server = Server::start().await;
    for (method, operation, body) in [
        ("POST", "/:issueAccessToken", r#"{"scopes":["chat"]}"#),
        ("POST", "/:revokeAccessTokens", ""),
        ("DELETE", "", ""),
    ] {
        let answer = server.call(method, &target(FOREIGN, operation), body).await;
        answer.assert_error(401, "IdentityNotOwned", NOT_OWNED, None);
        assert!(answer.header("api-supported-versions").is_some());
    }
}

#[tokio::test]
async fn deleted_and_unknown_identities() {
    let server = Server::start().await;
    let deleted = target(&server.identity().await, "");
    server.call("DELETE", &deleted, "").await;
    let unknown = target(&format!("8:acs:{DEVELOPMENT_RESOURCE}_{}", Uuid::new_v4()), "");
    // Of this error of ACS only the message is known, so a setting chooses status and code.
    for (gone, status) in [(None, 404), (Some("IdentityNotOwned"), 401), (Some("IdentityNotFound"), 404)] {
        if let Some(gone) = gone {
            server.order("PUT", "settings", &json!({ "gone": gone })).await;
        }
        let code = gone.unwrap_or("IdentityNotFound");
        for path in [&deleted, &unknown] {
            let message = "Provided identity doesn't exist.";
            server.call("DELETE", path, "").await.assert_error(status, code, message, None);
        }
        for path in [target(FOREIGN, ""), target("nonsense", "")] {
            server.call("DELETE", &path, "").await.assert_error(401, "IdentityNotOwned", NOT_OWNED, None);
        }
    }
}

#[tokio::test]
async fn bodies_of_another_type_or_too_long() {
    let server = Server::start().await;
    let mut request = server.request("POST", CREATE, "{}");
    request.set("Content-Type", "text/plain");
    let message = "The request body must be application/json.";
    server.send(&request).await.assert_error(415, "UnsupportedMediaType", message, None);
    let body = |length: usize| format!("{{}}{}", " ".repeat(length - 2));
    assert_eq!(server.call("POST", CREATE, &body(1024 * 1024)).await.status, 201);
    let answer = server.call("POST", CREATE, &body(1024 * 1024 + 1)).await;
    answer.assert_error(413, "RequestBodyTooLarge", "The request body is too large.", None);
}

#[tokio::test]
async fn unknown_paths_and_methods_have_no_body() {
    let server = Server::start().await;
    for (method, path, status, allow) in [
        ("POST", "/identities/", 404, None),
        ("POST", "/identities/8:acs:a_b/issueAccessToken", 404, None),
        ("POST", "/access/entra/:exchangeAccessToken", 404, None),
        ("GET", "/identities", 405, Some("POST")),
        ("GET", "/identities/8:acs:a_b", 405, Some("DELETE")),
        ("DELETE", "/identities/8:acs:a_b/:revokeAccessTokens", 405, Some("POST")),
    ] {
        let answer = server.call(method, &format!("{path}?api-version=2026-09-23"), "").await;
        assert_eq!((answer.status, &*answer.body, answer.header("allow")), (status, "", allow), "{method} {path}");
    }
}

#[tokio::test]
async fn unsupported_api_versions() {
    let server = Server::start().await;
    for version in ["2020-07-20-preview2", "2025-03-02-preview", "2099-01-01", "latest"] {
        let answer = server.call("POST", &format!("/identities?api-version={version}"), "{}").await;
        let message = format!(
            "The HTTP resource that matches the request URI 'http://{}/identities' does not support the API version '{version}'.",
            server.address
        );
        answer.assert_error(400, "UnsupportedApiVersion", &message, None);
        assert!(answer.header("api-supported-versions").unwrap().contains("2026-09-23"));
    }
    for query in ["", "?", "?api-version=", "?version=2026-09-23"] {
        let answer = server.call("POST", &format!("/identities{query}"), "{}").await;
        let message = "An API version is required, but was not specified.";
        answer.assert_error(400, "ApiVersionUnspecified", message, None);
    }
}

#[tokio::test]
async fn a_feature_is_missing_before_its_api_version() {
    let server = Server::start().await;
    let short = r#"{"createTokenWithScopes":["chat"],"expiresInMinutes":59}"#;
    let teams = r#"{"token":"","appId":"","userId":""}"#;
    let exchange = "/teamsUser/:exchangeAccessToken";
    let join = r#"{"createTokenWithScopes":["chat.join"]}"#;
    let limited = r#"{"createTokenWithScopes":["chat.join.limited"]}"#;
    let voip = r#"{"createTokenWithScopes":["voip.join"]}"#;
    for (path, version, body, status, code) in [
        ("/identities", "2021-03-07", short, 201, None),
        ("/identities", "2022-06-01", short, 201, None),
        ("/identities", "2022-10-01", short, 400, Some("ValidationError")),
        ("/identities", "2022-10-01", join, 400, Some("ValidationError")),
        ("/identities", "2023-10-01", join, 201, None),
        ("/identities", "2023-10-01", limited, 201, None),
        ("/identities", "2023-10-01", voip, 201, None),
        ("/identities", "2025-06-30", voip, 201, None),
        (exchange, "2021-03-07", teams, 400, Some("UnsupportedApiVersion")),
        (exchange, "2022-06-01", teams, 401, Some("InvalidAccessToken")),
    ] {
        let answer = server.call("POST", &format!("{path}?api-version={version}"), body).await;
        assert_eq!((answer.status, answer.json()["error"]["code"].as_str()), (status, code), "{version} {body}");
        if code == Some("UnsupportedApiVersion") {
            let supported = "2022-06-01, 2022-10-01, 2023-10-01, 2025-06-30, 2026-09-23";
            assert_eq!(answer.header("api-supported-versions"), Some(supported));
        }
    }
}

#[tokio::test]
async fn the_root_is_not_an_operation() {
    let server = Server::start().await;
    server.order("POST", "faults", &json!({ "answer": { "status": 500 } })).await;
    assert_eq!(server.call("GET", "/", "").await.status, 200);
    assert_eq!(server.get("calls").await, json!({}));
}
