//! `POST identities`.

use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use crate::harness::{Api, assert_token};

through_each_host! {
    makes_an_identity, makes_an_identity_with_its_first_token, refuses_wrong_fields, says_what_acs_refuses,
}

async fn makes_an_identity(api: Api) {
    let answer = api.post("/api/identities", "{}").await;
    answer.assert_ok(201);
    let id = answer.json()["identity"]["id"].as_str().unwrap().to_owned();
    assert_eq!(answer.json(), json!({ "identity": { "id": id } }));
    assert_eq!(answer.header("location"), format!("/api/identities/{id}"));
    assert_eq!(answer.header("content-length"), answer.body.len().to_string());
    let state = api.control("GET", "state", None).await;
    assert_eq!(state["identities"][0]["id"], id);
}

async fn makes_an_identity_with_its_first_token(api: Api) {
    let body = r#"{"createTokenWithScopes":["chat","voip"],"expiresInMinutes":90}"#;
    let answer = api.post("/api/identities", body).await;
    answer.assert_ok(201);
    let token = assert_token(&answer.json()["accessToken"], 90);
    assert_eq!(api.token_status(&token).await, "valid");
    assert_eq!(api.upstream_calls().await, 1);
}

async fn refuses_wrong_fields(api: Api) {
    let list = "Give a list of chat, voip, chat.join, chat.join.limited, voip.join.";
    let unknown = "The scope is unknown; the scopes are chat, voip, chat.join, chat.join.limited, voip.join.";
    let empty = "The list is empty; give at least one of chat, voip, chat.join, chat.join.limited, voip.join.";
    let minutes = "Give a whole number of minutes from 60 to 1440, or leave the field out for 1440.";
    let needs_token = "A lifetime needs a token; give createTokenWithScopes as well.";
    let stranger = "The field is unknown; the fields are createTokenWithScopes, expiresInMinutes.";
    for (body, errors) in [
        (r#"{"createTokenWithScopes":[]}"#, &[("/createTokenWithScopes", empty)][..]),
        (r#"{"createTokenWithScopes":"voip"}"#, &[("/createTokenWithScopes", list)]),
        (r#"{"createTokenWithScopes":null}"#, &[("/createTokenWithScopes", list)]),
        (
            r#"{"createTokenWithScopes":["voip","admin","voip",7]}"#,
            &[
                ("/createTokenWithScopes/1", unknown),
                ("/createTokenWithScopes/2", "the scope voip is named twice"),
                ("/createTokenWithScopes/3", unknown),
            ],
        ),
        (r#"{"expiresInMinutes":60}"#, &[("/expiresInMinutes", needs_token)]),
        (r#"{"createTokenWithScopes":["voip"],"expiresInMinutes":59}"#, &[("/expiresInMinutes", minutes)]),
        (r#"{"createTokenWithScopes":["voip"],"expiresInMinutes":1441}"#, &[("/expiresInMinutes", minutes)]),
        (r#"{"createTokenWithScopes":["voip"],"expiresInMinutes":60.5}"#, &[("/expiresInMinutes", minutes)]),
        (r#"{"createTokenWithScopes":["voip"],"expiresInMinutes":"60"}"#, &[("/expiresInMinutes", minutes)]),
        (r#"{"customId":"sally@contoso.com"}"#, &[("/customId", stranger)]),
        (
            r#"{"scopes":["voip"],"a/b~c":1,"expiresInMinutes":0}"#,
            &[("/expiresInMinutes", minutes), ("/scopes", stranger), ("/a~1b~0c", stranger)],
        ),
    ] {
        api.post("/api/identities", body).await.assert_fields(errors);
    }
    assert_eq!(api.upstream_calls().await, 0);
}

async fn says_what_acs_refuses(api: Api) {
    let body = r#"{"error":{"code":"ValidationError","message":"Scopes are not for you.","target":"Scopes"}}"#;
    api.control("POST", "faults", Some(json!({ "answer": { "status": 400, "body": body } }))).await;
    let answer = api.post("/api/identities", r#"{"createTokenWithScopes":["voip"]}"#).await;
    let errors = [("/createTokenWithScopes", "Scopes are not for you.")];
    answer.assert_problem(400, "refused-by-acs", "ACS refused the request", "Scopes are not for you.", &errors);
}

/// The identities that were made, as the emulator has them.
async fn identities(api: &Api) -> Vec<Value> {
    api.control("GET", "state", None).await["identities"].as_array().unwrap().clone()
}

/// Sends a request, and hangs up when ACS has it.
async fn hang_up(api: &Api, body: &str) {
    let before = api.upstream_calls().await;
    api.control("POST", "faults", Some(json!({ "operation": "create-identity", "delayMs": 300 }))).await;
    let mut stream = TcpStream::connect(api.base.strip_prefix("http://").unwrap()).await.unwrap();
    let head = "POST /api/identities HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length";
    stream.write_all(format!("{head}: {}\r\n\r\n{body}", body.len()).as_bytes()).await.unwrap();
    while api.upstream_calls().await == before {
        tokio::task::yield_now().await;
    }
}

/// Waits until so many identities were made, of which the last one is deleted.
async fn last_is_deleted(api: &Api, count: usize) {
    let gone = async {
        loop {
            let identities = identities(api).await;
            if identities.len() == count && !identities[count - 1]["deletedAt"].is_null() {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), gone).await.unwrap();
}

#[tokio::test]
async fn deletes_the_identity_of_a_caller_who_hung_up() {
    let api = Api::direct().await;
    hang_up(&api, "{}").await;
    // The call at ACS goes on, and what it made is deleted.
    last_is_deleted(&api, 1).await;
}

#[tokio::test]
async fn keeps_the_identity_of_a_caller_who_was_answered() {
    let api = Api::direct().await;
    let id = api.new_identity().await;
    assert_eq!(api.post(&format!("/api/identities/{id}/tokens"), r#"{"scopes":["voip"]}"#).await.status, 200);
    assert_eq!(identities(&api).await[0]["deletedAt"], Value::Null);
}
