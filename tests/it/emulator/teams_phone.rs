//! Teams Phone: assignments, and the exchange of Entra tokens.

use serde_json::{Value, json};

use super::{Answer, Server};

const TENANT: &str = "c70d068c-2f32-484d-9455-73070cd5aadd";
const USER: &str = "b27b64b9-39d2-44a3-869d-67700b74e805";
const CLIENT: &str = "07474a86-625a-452f-977b-db4e13f21260";
pub(super) const ASSIGNMENT: &str = "/access/teamsExtension/tenants/c70d068c-2f32-484d-9455-73070cd5aadd/assignments/\
                          b27b64b9-39d2-44a3-869d-67700b74e805?api-version=2025-06-30";
const EXCHANGE: &str = "/access/teamsExtension/:exchangeAccessToken?api-version=2025-06-30";
pub(super) const SAVED: &str = r#"{"objectId":"b27b64b9-39d2-44a3-869d-67700b74e805","tenantId":"c70d068c-2f32-484d-9455-73070cd5aadd","principalType":"user","clientIds":["07474a86-625a-452f-977b-db4e13f21260"]}"#;

pub(super) async fn assign(server: &Server) -> Answer {
    server.call("PUT", ASSIGNMENT, &json!({ "principalType": "user", "clientIds": [CLIENT] }).to_string()).await
}

/// Returns an Entra token for Teams Phone. `more` replaces parts of the request for it.
pub(super) async fn entra_token(server: &Server, more: Value) -> String {
    let mut request = json!({
        "appId": CLIENT, "userId": USER, "tenantId": TENANT, "scope": "openid TeamsExtension.ManageCalls",
    });
    request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    server.post("entra/tokens", &request).await["token"].as_str().unwrap().to_owned()
}

pub(super) async fn exchange(server: &Server, token: &str) -> Answer {
    let mut request = server.request("POST", EXCHANGE, "{}");
    request.set("Authorization", &format!("Bearer {token}"));
    server.send(&request).await
}

#[tokio::test]
async fn an_assignment_is_created_replaced_read_and_deleted() {
    let server = Server::start().await;
    server.call("GET", ASSIGNMENT, "").await.assert_error(404, "NotFound", "Assignment was not found.", None);
    for status in [201, 200] {
        let answer = assign(&server).await;
        assert_eq!((answer.status, &*answer.body), (status, SAVED));
    }
    let answer = server.call("GET", ASSIGNMENT, "").await;
    assert_eq!((answer.status, &*answer.body), (200, SAVED));
    assert_eq!(server.get("state").await["assignments"], json!([answer.json()]));
    // A deletion can be repeated.
    for _ in 0..2 {
        let answer = server.call("DELETE", ASSIGNMENT, "").await;
        assert_eq!((answer.status, &*answer.body), (204, ""));
    }
    for principal in ["user", "User", "resourceAccount", "teamsResourceAccount"] {
        let answer = server.call("PUT", ASSIGNMENT, &json!({ "principalType": principal }).to_string()).await;
        let expected = json!({ "objectId": USER, "tenantId": TENANT, "principalType": principal });
        assert_eq!(answer.json(), expected, "the type is returned as written");
    }
}

#[tokio::test]
async fn the_newest_version_has_the_same_operations() {
    let server = Server::start().await;
    let (assignment, target) = [ASSIGNMENT, EXCHANGE].map(|target| target.replace("2025-06-30", "2026-09-23")).into();
    let content = json!({ "principalType": "user", "clientIds": [CLIENT] }).to_string();
    for (method, body, expected) in [("PUT", &*content, (201, SAVED)), ("GET", "", (200, SAVED))] {
        let answer = server.call(method, &assignment, body).await;
        assert_eq!((answer.status, &*answer.body), expected);
    }
    let mut request = server.request("POST", &target, "{}");
    request.set("Authorization", &format!("Bearer {}", entra_token(&server, json!({})).await));
    let answer = server.send(&request).await;
    let token = answer.json()["accessToken"]["token"].clone();
    assert_eq!((answer.status, server.token_status(token.as_str().unwrap()).await), (200, json!("valid")));
    assert_eq!(server.call("DELETE", &assignment, "").await.status, 204);
    server.call("GET", &assignment, "").await.assert_error(404, "NotFound", "Assignment was not found.", None);
}

#[tokio::test]
async fn an_invalid_assignment_is_refused() {
    let server = Server::start().await;
    let valid = json!({ "principalType": "user" });
    let (bad_tenant, bad_user) = (ASSIGNMENT.replace(TENANT, "contoso"), ASSIGNMENT.replace(USER, "anna"));
    for (target, body, message, field) in [
        (ASSIGNMENT, &json!({ "principalType": "group" }), "Provided PrincipalType is not supported.", "principalType"),
        (&bad_tenant, &valid, "Provided TenantId has invalid format.", "tenantId"),
        (&bad_user, &valid, "Provided ObjectId has invalid format.", "objectId"),
    ] {
        let answer = server.call("PUT", target, &body.to_string()).await;
        answer.assert_error(400, "ValidationError", message, Some(field));
    }
    // A key or the managed identity authorizes the operation.
    let mut request = server.request("GET", ASSIGNMENT, "");
    request.remove("Authorization");
    server.send(&request).await.assert_error(401, "Denied", "Denied by the resource provider.", None);
    let post = server.call("POST", ASSIGNMENT, "{}").await;
    assert_eq!((post.status, post.header("allow")), (405, Some("GET, PUT, DELETE")));
}

#[tokio::test]
async fn the_exchange_returns_the_identity_of_tenant_and_user() {
    let server = Server::start().await;
    assign(&server).await;
    let entra = entra_token(&server, json!({ "expiresInSeconds": 1234 })).await;
    let answer = exchange(&server, &entra).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let json = answer.json();
    let (id, access) = (&json["identity"]["id"], &json["accessToken"]);
    assert_eq!(
        answer.body,
        format!(
            r#"{{"identity":{{"id":{id}}},"accessToken":{{"token":{},"expiresOn":{}}}}}"#,
            access["token"], access["expiresOn"]
        )
    );
    assert_eq!(id, &format!("8:acs:acacacac-acac-4aca-8aca-acacacacacac_{TENANT}_{USER}"));
    let token = access["token"].as_str().unwrap();
    assert_eq!((token.split('.').count(), server.token_status(token).await), (3, json!("valid")));
    server.call("DELETE", ASSIGNMENT, "").await;
    assert_eq!(server.token_status(token).await, "revoked");
}

#[tokio::test]
async fn tokens_are_encrypted_by_a_setting() {
    let server = Server::start().await;
    assign(&server).await;
    server.order("PUT", "settings", &json!({ "encryptedTokens": true })).await;
    let entra = entra_token(&server, json!({})).await;
    let token = exchange(&server, &entra).await.json()["accessToken"]["token"].as_str().unwrap().to_owned();
    assert_eq!((token.split('.').count(), server.token_status(&token).await), (5, json!("valid")));
    let (rest, tag) = token.rsplit_once('.').unwrap();
    let changed = if tag.starts_with('A') { tag.replacen('A', "B", 1) } else { format!("A{}", &tag[1..]) };
    assert_eq!(server.token_status(&format!("{rest}.{changed}")).await, "unknown");
}

#[tokio::test]
async fn the_exchange_is_refused_without_an_assignment_or_a_valid_token() {
    let server = Server::start().await;
    let unassigned = "No assignment allows the user and the client.";
    let token = entra_token(&server, json!({})).await;
    exchange(&server, &token).await.assert_error(403, "Forbidden", unassigned, None);
    assign(&server).await;
    for more in [json!({ "appId": USER }), json!({ "userId": CLIENT }), json!({ "tenantId": USER })] {
        let token = entra_token(&server, more).await;
        exchange(&server, &token).await.assert_error(403, "Forbidden", unassigned, None);
    }
    server.order("PUT", "settings", &json!({ "servicePrincipalMissing": true })).await;
    let lacking = format!(
        "AADSTS650052: The app is trying to access a service '1fd5118e-2576-4263-8130-9503064c837a'(Azure Communication \
         Services) that your organization '{TENANT}' lacks a service principal for."
    );
    exchange(&server, &token).await.assert_error(403, "Forbidden", &lacking, None);
    server.order("PUT", "settings", &json!({})).await;
    let invalid = "Provided access token is not valid.";
    for token in [
        entra_token(&server, json!({ "expiresInSeconds": -1 })).await,
        entra_token(&server, json!({ "scope": "Teams.ManageCalls" })).await,
        format!("{token}x"),
    ] {
        exchange(&server, &token).await.assert_error(401, "InvalidAccessToken", invalid, None);
    }
    // The signature of a key does not authorize it.
    server.call("POST", EXCHANGE, "{}").await.assert_error(401, "InvalidAccessToken", invalid, None);
    let early = EXCHANGE.replace("2025-06-30", "2023-10-01");
    assert_eq!(server.call("POST", &early, "{}").await.json()["error"]["code"], "UnsupportedApiVersion");
}
