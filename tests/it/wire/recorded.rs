//! Every recorded answer, read by the client.

use std::sync::{Arc, Mutex};

use acs_identity::{Error, ErrorKind, IdentityClient, InvalidResponseReason, TeamsTokenRequest};
use jiff::Timestamp;
use serde_json::Value;
use tokio::{io::AsyncWriteExt as _, net::TcpListener};

use super::{ID, Received, client, id, token_request};
use crate::{
    process::in_time,
    recorded::{Exchange, Recorded, Recording, SupportedVersions},
};

const TOKEN: &str = "t.o.k";
/// Times as recorded, with six and with seven decimals.
const TIME: &str = "2024-03-20T23:17:59.490856+00:00";
const TIME_OF_TEAMS: &str = "2025-04-14T16:33:40.5006871+00:00";
const SUPPORT_ID: &str = "recorded.0";

/// The result that the client reads from a success.
#[derive(Debug, PartialEq)]
enum Success {
    Identity(String),
    Created(String, String, Timestamp),
    Token(String, Timestamp),
    Nothing,
}

/// The operation of the client for a recorded request.
#[derive(Clone, Copy)]
enum Operation {
    Create,
    CreateWithToken,
    Issue,
    Revoke,
    Delete,
    Exchange,
}

impl Operation {
    fn of(exchange: &Exchange) -> Option<Self> {
        let (method, path) = (&*exchange.request.method, &*exchange.request.path);
        let last = path.rsplit('/').next().unwrap();
        Some(match (method, last) {
            ("POST", "identities") if exchange.request.body["createTokenWithScopes"].is_array() => {
                Self::CreateWithToken
            }
            ("POST", "identities") => Self::Create,
            ("POST", ":issueAccessToken" | "token") => Self::Issue,
            ("POST", ":revokeAccessTokens") => Self::Revoke,
            ("POST", ":exchangeAccessToken") => Self::Exchange,
            ("DELETE", _) => Self::Delete,
            _ => return None,
        })
    }

    fn success(self) -> u16 {
        match self {
            Self::Create | Self::CreateWithToken => 201,
            Self::Issue | Self::Exchange => 200,
            Self::Revoke | Self::Delete => 204,
        }
    }

    async fn call(self, client: &IdentityClient) -> Result<Success, Error> {
        Ok(match self {
            Self::Create => Success::Identity(client.create_identity().await?.as_str().to_owned()),
            Self::CreateWithToken => {
                let created = client.create_identity_with_token(&token_request()).await?;
                let token = created.token;
                Success::Created(created.id.as_str().to_owned(), token.expose().to_owned(), token.expires_on())
            }
            Self::Issue => {
                let token = client.issue_token(&id(), &token_request()).await?;
                Success::Token(token.expose().to_owned(), token.expires_on())
            }
            Self::Revoke => client.revoke_tokens(&id()).await.map(|()| Success::Nothing)?,
            Self::Delete => client.delete_identity(&id()).await.map(|()| Success::Nothing)?,
            Self::Exchange => {
                let request = TeamsTokenRequest {
                    token: "e.n.tra".to_owned().into(),
                    app_id: "2c3e1e83-8fd7-4615-ad2b-b8c1229845ac".parse().unwrap(),
                    user_id: "32c0a5db-05ec-78ea-51ab-3f06b329397e".parse().unwrap(),
                };
                let token = client.exchange_teams_token(&request).await?;
                Success::Token(token.expose().to_owned(), token.expires_on())
            }
        })
    }
}

/// Replaces the values in braces of a body.
fn fill(body: &Value) -> String {
    let values = [
        ("{identity}", ID),
        ("{token}", TOKEN),
        ("{time}", TIME),
        ("{time with decimals}", TIME_OF_TEAMS),
        ("{custom id}", "bob@contoso.com"),
        ("{url}", "https://52.168.169.1/identities"),
        ("{any}", "AnyCode"),
    ];
    let text = if body.is_null() { String::new() } else { body.to_string() };
    values.iter().fold(text, |text, (name, value)| text.replace(name, value))
}

/// Returns a recorded answer as bytes. `{echo}` stands for the id of the request.
fn response(recorded: &Recorded, exchange: &Exchange, recording: &Recording) -> String {
    let status = exchange.answer.status.unwrap();
    let mut body = fill(&exchange.answer.body);
    let present = &recorded.headers(recording).present;
    let mut headers = Vec::new();
    for (name, value) in present {
        let value = match &**value {
            "*" if name == "content-length" => body.len().to_string(),
            "*" if name == "ms-cv" => SUPPORT_ID.to_owned(),
            "*" => "recorded".to_owned(),
            "{ms}" => "16ms".to_owned(),
            value => value.to_owned(),
        };
        headers.push(format!("{name}: {value}"));
    }
    if let Some(SupportedVersions::List(versions)) = &recording.supported_versions {
        headers.push(format!("api-supported-versions: {versions}"));
    }
    if present.contains_key("transfer-encoding") {
        body = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    } else if !present.contains_key("content-length") && status != 204 {
        headers.push(format!("content-length: {}", body.len()));
    }
    headers.push("Connection: close".to_owned());
    format!("HTTP/1.1 {status} Recorded\r\n{}\r\n\r\n{body}", headers.join("\r\n"))
}

/// Starts a server that answers every request with the current response.
async fn server() -> (IdentityClient, Arc<Mutex<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let (client, current) = (client(&host), Arc::new(Mutex::new(String::new())));
    let responses = Arc::clone(&current);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let request = Received::read(&mut stream, &host).await;
            let response = responses.lock().unwrap().replace("{echo}", request.header("x-ms-client-request-id"));
            stream.write_all(response.as_bytes()).await.unwrap();
        }
    });
    (client, current)
}

fn success(operation: Operation, body: &Value) -> Success {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let time = |value: &Value| text(value).parse::<Timestamp>().unwrap();
    match operation {
        Operation::Create => Success::Identity(text(&body["identity"]["id"])),
        Operation::CreateWithToken => {
            let token = &body["accessToken"];
            Success::Created(text(&body["identity"]["id"]), text(&token["token"]), time(&token["expiresOn"]))
        }
        Operation::Issue | Operation::Exchange => Success::Token(text(&body["token"]), time(&body["expiresOn"])),
        Operation::Revoke | Operation::Delete => Success::Nothing,
    }
}

fn kind(code: &str) -> ErrorKind {
    match code {
        "Denied" => ErrorKind::Denied,
        "IdentityNotOwned" => ErrorKind::IdentityNotOwned,
        "InvalidAccessToken" => ErrorKind::InvalidAccessToken,
        "UnsupportedApiVersion" => ErrorKind::UnsupportedApiVersion,
        "ValidationError" => ErrorKind::ValidationError,
        "AnyCode" => ErrorKind::Other,
        code => panic!("{code} is new"),
    }
}

/// Checks what the client makes of a recorded answer.
fn check(exchange: &Exchange, recording: &Recording, operation: Operation, result: Result<Success, Error>) {
    let name = format!("{} ({recording})", exchange.name);
    let status = exchange.answer.status.unwrap();
    let body: Value = serde_json::from_str(&fill(&exchange.answer.body)).unwrap_or_default();
    match result {
        Ok(found) => assert_eq!((status, found), (operation.success(), success(operation, &body)), "{name}"),
        // Until 2021, a new identity was answered with 200.
        Err(Error::InvalidResponse { status: found, reason: InvalidResponseReason::Status }) => {
            assert!(status < 400 && status != operation.success() && found == status, "{name}");
        }
        Err(Error::Service(found)) => {
            let error = &body["error"];
            assert_eq!(found.status, status, "{name}");
            assert!(status >= 400, "{name}");
            assert_eq!(found.code, error["code"].as_str().unwrap_or_default(), "{name}");
            assert_eq!(found.message, error["message"].as_str().unwrap_or_default(), "{name}");
            assert_eq!(found.target.as_deref(), error["target"].as_str(), "{name}");
            let expected = match status {
                429 => ErrorKind::Throttled,
                408 | 500.. => ErrorKind::Failed,
                _ if found.code.is_empty() => ErrorKind::Other,
                _ => kind(&found.code),
            };
            assert_eq!(found.kind, expected, "{name}");
            let versions = match &recording.supported_versions {
                Some(SupportedVersions::List(versions)) => Some(&**versions),
                _ => None,
            };
            assert_eq!(found.supported_versions.as_deref(), versions, "{name}");
        }
        Err(error) => panic!("{name}: {error:?}"),
    }
}

#[tokio::test]
async fn the_client_reads_every_recorded_answer() {
    let recorded = Recorded::load();
    let (client, current) = server().await;
    let mut not_read = Vec::new();
    for (exchange, recording) in recorded.recordings() {
        let Some(operation) = Operation::of(exchange).filter(|_| exchange.answer.status.is_some()) else {
            not_read.push(&*exchange.name);
            continue;
        };
        *current.lock().unwrap() = response(&recorded, exchange, recording);
        let result = in_time("the client", operation.call(&client)).await;
        check(exchange, recording, operation, result);
    }
    // The status is not recorded, and the client does not have the operations.
    assert_eq!(not_read, ["issue-deleted", "custom-id-get", "revoke-2020"]);
}
