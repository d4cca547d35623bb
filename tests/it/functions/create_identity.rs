//! `POST identities`.

use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use crate::{
    harness::{Answer, Api, assert_token},
    process::until,
};

through_each_host! {
    creates_an_identity, location_leads_to_the_identity, creates_an_identity_with_a_token, invalid_fields_are_refused, error_of_acs_names_the_field,
}

async fn creates_an_identity(api: Api) {
    let answer = api.post("/api/identities", "{}").await;
    answer.assert_ok(201);
    let id = answer.json()["identity"]["id"].as_str().unwrap().to_owned();
    assert_eq!(answer.json(), json!({ "identity": { "id": id } }));
    assert_eq!(answer.header("location"), format!("identities/{id}"));
    assert_eq!(answer.header("content-length"), answer.body.len().to_string());
    let state = api.control("GET", "state", None).await;
    assert_eq!(state["identities"][0]["id"], id);
}

/// The host passes the path on as the caller wrote it.
async fn location_leads_to_the_identity(api: Api) {
    for path in ["/api/identities", "/api/identities/", "/API/Identities"] {
        let created = api.post(path, "{}").await;
        created.assert_ok(201);
        let url = reqwest::Url::parse(&api.base).unwrap().join(path).unwrap();
        let location = url.join(created.header("location")).unwrap();
        Answer::of(api.request("DELETE", location.path())).await.assert_ok(204);
    }
}

async fn creates_an_identity_with_a_token(api: Api) {
    let body = r#"{"createTokenWithScopes":["chat","voip"],"expiresInMinutes":90}"#;
    let answer = api.post("/api/identities", body).await;
    answer.assert_ok(201);
    let token = assert_token(&answer.json()["accessToken"], 90);
    assert_eq!(api.token_status(&token).await, "valid");
    assert_eq!(api.upstream_calls().await, 1);
}

async fn invalid_fields_are_refused(api: Api) {
    for (body, pointers) in [
        (r#"{"createTokenWithScopes":[]}"#, &["/createTokenWithScopes"][..]),
        (r#"{"createTokenWithScopes":"voip"}"#, &["/createTokenWithScopes"]),
        (r#"{"createTokenWithScopes":null}"#, &["/createTokenWithScopes"]),
        (
            r#"{"createTokenWithScopes":["voip","admin","voip",7]}"#,
            &["/createTokenWithScopes/1", "/createTokenWithScopes/2", "/createTokenWithScopes/3"],
        ),
        (r#"{"expiresInMinutes":60}"#, &["/expiresInMinutes"]),
        (r#"{"createTokenWithScopes":["voip"],"expiresInMinutes":59}"#, &["/expiresInMinutes"]),
        (r#"{"createTokenWithScopes":["voip"],"expiresInMinutes":1441}"#, &["/expiresInMinutes"]),
        (r#"{"createTokenWithScopes":["voip"],"expiresInMinutes":60.5}"#, &["/expiresInMinutes"]),
        (r#"{"createTokenWithScopes":["voip"],"expiresInMinutes":"60"}"#, &["/expiresInMinutes"]),
        (r#"{"customId":"sally@contoso.com"}"#, &["/customId"]),
        (r#"{"scopes":["voip"],"a/b~c":1,"expiresInMinutes":0}"#, &["/expiresInMinutes", "/scopes", "/a~1b~0c"]),
    ] {
        api.post("/api/identities", body).await.assert_code(400, "invalid-fields", pointers);
    }
    assert_eq!(api.upstream_calls().await, 0);
}

async fn error_of_acs_names_the_field(api: Api) {
    let body = r#"{"error":{"code":"ValidationError","message":"Scopes are not for you.","target":"Scopes"}}"#;
    api.control("POST", "faults", Some(json!({ "answer": { "status": 400, "body": body } }))).await;
    let answer = api.post("/api/identities", r#"{"createTokenWithScopes":["voip"]}"#).await;
    answer.assert_code(400, "refused-by-acs", &["/createTokenWithScopes"]);
}

/// Returns the identities of the emulator.
async fn identities(api: &Api) -> Vec<Value> {
    api.control("GET", "state", None).await["identities"].as_array().unwrap().clone()
}

/// Sends a request, and disconnects as soon as ACS receives it.
async fn disconnect(api: &Api, body: &str) {
    let before = api.upstream_calls().await;
    api.control("POST", "faults", Some(json!({ "operation": "create-identity", "delayMs": 300 }))).await;
    let mut stream = TcpStream::connect(api.base.strip_prefix("http://").unwrap()).await.unwrap();
    let head = "POST /api/identities HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length";
    stream.write_all(format!("{head}: {}\r\n\r\n{body}", body.len()).as_bytes()).await.unwrap();
    until("the call to ACS", async || api.upstream_calls().await > before).await;
}

/// Waits until ACS has created this many identities, and deleted the last one.
async fn last_is_deleted(api: &Api, count: usize) {
    until("the deletion of the last identity", async || {
        let identities = identities(api).await;
        identities.len() == count && !identities[count - 1]["deletedAt"].is_null()
    })
    .await;
}

#[tokio::test]
async fn identity_of_a_disconnected_caller_is_deleted() {
    let api = Api::direct().await;
    disconnect(&api, "{}").await;
    last_is_deleted(&api, 1).await;
}

#[tokio::test]
async fn identity_of_an_answered_caller_is_kept() {
    let api = Api::direct().await;
    let id = api.new_identity().await;
    assert_eq!(api.post(&format!("/api/identities/{id}/tokens"), r#"{"scopes":["voip"]}"#).await.status, 200);
    assert_eq!(identities(&api).await[0]["deletedAt"], Value::Null);
}
