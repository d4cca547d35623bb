//! The HTTP requests of the client, and its results for each response, with literals and without the emulator.

use acs_identity::{
    ConnectionString, Error, ErrorKind, IdentityClient, InvalidResponseReason, TeamsTokenRequest,
    signature::{AccessKey, content_hash, string_to_sign},
    types::{ApiVersion, IdentityId, Scope, TokenLifetime, TokenRequest},
};
use acs_tokens::{
    acs_client::AcsSettings,
    request_log,
    trace_context::{TRACEPARENT, TRACESTATE},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

mod recorded;
mod teams_phone;

const ID: &str = "8:acs:2dee53b4-368b-45b4-ab52-8493fb117652_00000005-14a2-493b-8a72-5a3a0d000081";
const PATH: &str = "/identities/8%3Aacs%3A2dee53b4-368b-45b4-ab52-8493fb117652_00000005-14a2-493b-8a72-5a3a0d000081";
const TOKEN: &str = r#"{"token":"t.o.k","expiresOn":"2025-07-10T21:39:39.3244584+00:00"}"#;
const NO_CONTENT: &str = "HTTP/1.1 204 No Content\r\n\r\n";

/// Returns a client of a server on `host`, with the service's observer, which adds the trace context.
fn client(host: &str) -> IdentityClient {
    client_of(host, ApiVersion::default())
}

fn client_of(host: &str, api_version: ApiVersion) -> IdentityClient {
    let text = format!("endpoint=http://{host}/;accesskey=cHc=");
    let settings = AcsSettings::from(text.parse::<ConnectionString>().unwrap());
    AcsSettings { api_version, ..settings }.client().unwrap()
}

/// Starts a server that sends these responses, each on a connection of its own, and returns the requests.
async fn server<const N: usize>(responses: [String; N]) -> (IdentityClient, JoinHandle<[Received; N]>) {
    server_of(ApiVersion::default(), responses).await
}

/// Does the same for a client with another version of the API.
async fn server_of<const N: usize>(
    api_version: ApiVersion,
    responses: [String; N],
) -> (IdentityClient, JoinHandle<[Received; N]>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let client = client_of(&host, api_version);
    let received = tokio::spawn(async move {
        let mut received = Vec::new();
        for response in responses {
            let (mut stream, _) = listener.accept().await.unwrap();
            received.push(Received::read(&mut stream, &host).await);
            stream.write_all(response.as_bytes()).await.unwrap();
        }
        received.try_into().ok().unwrap()
    });
    (client, received)
}

/// Starts a server that sends one response.
async fn once(response: impl Into<String>) -> (IdentityClient, JoinHandle<[Received; 1]>) {
    server([response.into()]).await
}

/// Returns a response with a JSON body.
fn response(status: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}")
}

/// A request, its header names in lower case.
struct Received {
    host: String,
    line: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Received {
    async fn read(stream: &mut TcpStream, host: &str) -> Self {
        let (mut bytes, mut chunk) = (Vec::new(), [0; 4096]);
        loop {
            let n = stream.read(&mut chunk).await.unwrap();
            bytes.extend_from_slice(&chunk[..n]);
            if let Some(received) = Self::parse(&bytes, host) {
                return received;
            }
        }
    }

    fn parse(bytes: &[u8], host: &str) -> Option<Self> {
        let text = std::str::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n")?;
        let mut lines = head.split("\r\n");
        let line = lines.next()?.to_owned();
        let headers: Vec<(String, String)> = lines
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let length = headers.iter().find(|(name, _)| name == "content-length").map_or(0, |(_, n)| n.parse().unwrap());
        let whole = body.len() == length;
        whole.then(|| Self { host: host.to_owned(), line, headers, body: body.to_owned() })
    }

    fn header(&self, name: &str) -> &str {
        let mut values = self.headers.iter().filter(|(other, _)| other == name);
        let value = values.next().map_or("", |(_, value)| value);
        assert!(values.next().is_none(), "{name} is repeated");
        value
    }

    /// Asserts the request line, the body, and that the signature is that of the request.
    fn assert(&self, method: &str, target: &str, body: &str) {
        assert_eq!(self.line, format!("{method} {target} HTTP/1.1"));
        assert_eq!(self.body, body);
        assert_eq!(self.header("host"), self.host);
        assert_eq!(self.header("content-type"), "application/json");
        assert_eq!(self.header("x-ms-content-sha256"), content_hash(body.as_bytes()));
        assert!(uuid::Uuid::parse_str(self.header("x-ms-client-request-id")).is_ok());
        let signed = [self.header("x-ms-date"), &self.host, self.header("x-ms-content-sha256")];
        let signature = AccessKey::from_base64("cHc=").unwrap().sign(&string_to_sign(method, target, &signed));
        let expected = format!("HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature={signature}");
        assert_eq!(self.header("authorization"), expected);
    }
}

fn id() -> IdentityId {
    ID.parse().unwrap()
}

fn token_request() -> TokenRequest {
    TokenRequest::new(vec![Scope::Chat, Scope::VoipJoin], Some(TokenLifetime::MIN)).unwrap()
}

#[tokio::test]
async fn create_identity_sends_an_empty_object() {
    let (client, received) = once(response("201 Created", &format!(r#"{{"identity":{{"id":"{ID}"}}}}"#))).await;
    assert_eq!(client.create_identity().await.unwrap().as_str(), ID);
    received.await.unwrap()[0].assert("POST", "/identities?api-version=2025-06-30", "{}");
}

#[tokio::test]
async fn create_identity_with_token_sends_scopes_and_lifetime() {
    let created = format!(r#"{{"identity":{{"id":"{ID}"}},"accessToken":{TOKEN}}}"#);
    let (client, received) = once(response("201 Created", &created)).await;
    let token = client.create_identity_with_token(&token_request()).await.unwrap().token;
    assert_eq!((token.expose(), token.expires_on().as_millisecond()), ("t.o.k", 1_752_183_579_324));
    assert_eq!(format!("{token:?}"), "AccessToken { expires_on: 2025-07-10T21:39:39.3244584Z, .. }");
    let body = r#"{"createTokenWithScopes":["chat","voip.join"],"expiresInMinutes":60}"#;
    received.await.unwrap()[0].assert("POST", "/identities?api-version=2025-06-30", body);
}

#[tokio::test]
async fn issue_token_sends_scopes_and_lifetime() {
    let (client, received) = once(response("200 OK", TOKEN)).await;
    assert_eq!(client.issue_token(&id(), &token_request()).await.unwrap().expose(), "t.o.k");
    let target = format!("{PATH}/:issueAccessToken?api-version=2025-06-30");
    received.await.unwrap()[0].assert("POST", &target, r#"{"scopes":["chat","voip.join"],"expiresInMinutes":60}"#);
}

#[tokio::test]
async fn revoke_tokens_and_delete_identity_send_no_body() {
    let (client, received) = server([NO_CONTENT, NO_CONTENT].map(str::to_owned)).await;
    client.revoke_tokens(&id()).await.unwrap();
    client.delete_identity(&id()).await.unwrap();
    let [revoke, delete] = received.await.unwrap();
    revoke.assert("POST", &format!("{PATH}/:revokeAccessTokens?api-version=2025-06-30"), "");
    delete.assert("DELETE", &format!("{PATH}?api-version=2025-06-30"), "");
}

#[tokio::test]
async fn exchange_teams_token_sends_token_app_and_user() {
    let (client, received) = once(response("200 OK", TOKEN)).await;
    let request = TeamsTokenRequest {
        token: "e.n.tra".to_owned().into(),
        app_id: "2c3e1e83-8fd7-4615-ad2b-b8c1229845ac".parse().unwrap(),
        user_id: "32c0a5db-05ec-78ea-51ab-3f06b329397e".parse().unwrap(),
    };
    assert_eq!(client.exchange_teams_token(&request).await.unwrap().expose(), "t.o.k");
    assert!(!format!("{request:?}").contains("e.n.tra"));
    let body = r#"{"token":"e.n.tra","appId":"2c3e1e83-8fd7-4615-ad2b-b8c1229845ac","userId":"32c0a5db-05ec-78ea-51ab-3f06b329397e"}"#;
    received.await.unwrap()[0].assert("POST", "/teamsUser/:exchangeAccessToken?api-version=2025-06-30", body);
}

#[tokio::test]
async fn trace_context_of_the_request_is_passed_on() {
    let (client, received) = server([NO_CONTENT, NO_CONTENT].map(str::to_owned)).await;
    let headers = [
        (TRACEPARENT, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00".parse().unwrap()),
        (TRACESTATE, "a=1".parse().unwrap()),
    ];
    let headers = headers.into_iter().collect();
    let request = request_log::Request::start("the-id".to_owned(), &http::Method::POST, &headers);
    let call = async {
        client.revoke_tokens(&id()).await.unwrap();
        request_log::with_current(|log| log.unwrap().span_id.clone())
    };
    let request_span_id = request.scope(call).await;
    client.revoke_tokens(&id()).await.unwrap();
    let [inside, outside] = received.await.unwrap();
    let parts: Vec<&str> = inside.header("traceparent").split('-').collect();
    let [version, trace_id, span_id, flags] = parts[..] else { panic!("{parts:?}") };
    assert_eq!((version, trace_id, flags), ("00", "0af7651916cd43dd8448eb211c80319c", "00"));
    assert!(span_id.len() == 16 && span_id != request_span_id && span_id != "b7ad6b7169203331", "{span_id}");
    assert_eq!(inside.header("tracestate"), "a=1");
    // Outside of a request, a call starts a trace.
    assert!(outside.header("traceparent").ends_with("-01"));
}

#[tokio::test]
async fn service_error_keeps_what_acs_answered() {
    let body = r#"{"error":{"code":"ValidationError","message":"Invalid scopes - Scopes field is required.","target":"scopes"}}"#;
    let (client, received) = once(response("400 Bad Request\r\nMS-CV: abc.0\r\nRetry-After: 3", body)).await;
    let Err(Error::Service(error)) = client.issue_token(&id(), &token_request()).await else { panic!("no error") };
    assert_eq!(
        (error.status.as_u16(), error.kind, error.code.as_str()),
        (400, ErrorKind::ValidationError, "ValidationError")
    );
    assert_eq!(error.message, "Invalid scopes - Scopes field is required.");
    assert_eq!((error.target.as_deref(), error.ms_cv.as_deref()), (Some("scopes"), Some("abc.0")));
    assert_eq!(error.retry_after, Some(std::time::Duration::from_secs(3)));
    assert_eq!(error.request_id.to_string(), received.await.unwrap()[0].header("x-ms-client-request-id"));
}

#[tokio::test]
async fn responses_that_are_not_of_acs_are_invalid() {
    let too_long = response("201 Created", &"x".repeat(64 * 1024 + 1));
    for (response, status, reason) in [
        (
            "HTTP/1.1 302 Found\r\nLocation: http://evil.example/\r\nContent-Length: 0\r\n\r\n",
            302,
            InvalidResponseReason::Status,
        ),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, InvalidResponseReason::Status),
        ("HTTP/1.1 201 Created\r\nContent-Length: 6\r\n\r\n<html>", 201, InvalidResponseReason::Body),
        ("HTTP/1.1 201 Created\r\nContent-Length: 15\r\n\r\n{\"token\":\"abc\"}", 201, InvalidResponseReason::Body),
        (&too_long, 201, InvalidResponseReason::TooLong),
    ] {
        let (client, _received) = once(response).await;
        match client.create_identity().await {
            Err(Error::InvalidResponse { status: s, reason: r }) => assert_eq!((s.as_u16(), r), (status, reason)),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn failed_connection_differs_from_an_interrupted_one() {
    let unused = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = client(&unused.to_string()).issue_token(&id(), &token_request()).await.unwrap_err();
    assert!(matches!(error, Error::Connect(_)), "{error:?}");
    assert!(!format!("{error:?}").contains("14a2"), "the error contains the identity: {error:?}");

    let (client, _received) = once("HTTP/1.1 201 Created\r\nContent-Length: 66\r\n\r\n{\"token\"").await;
    let error = client.create_identity().await.unwrap_err();
    assert!(matches!(error, Error::Interrupted(_)), "{error:?}");
}

#[tokio::test]
async fn attempts_of_a_call_have_one_request_id_and_their_own_signatures() {
    let responses = ["429 Too Many Requests\r\nRetry-After: 1", "200 OK"].map(|status| response(status, TOKEN));
    let (client, received) = server(responses).await;
    client.issue_token(&id(), &token_request()).await.unwrap();
    let [first, second] = received.await.unwrap();
    let target = format!("{PATH}/:issueAccessToken?api-version=2025-06-30");
    for received in [&first, &second] {
        received.assert("POST", &target, r#"{"scopes":["chat","voip.join"],"expiresInMinutes":60}"#);
    }
    assert_eq!(first.header("x-ms-client-request-id"), second.header("x-ms-client-request-id"));
    assert_ne!(first.header("x-ms-date"), second.header("x-ms-date"));
    assert_ne!(first.header("authorization"), second.header("authorization"));
}

#[tokio::test]
async fn first_call_uses_the_connection_of_warm_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let client = client(&host);
    let server = tokio::spawn(async move {
        // Both requests must come on one connection: no other is accepted.
        let (mut stream, _) = listener.accept().await.unwrap();
        let warm_up = Received::read(&mut stream, &host).await;
        stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").await.unwrap();
        let call = Received::read(&mut stream, &host).await;
        stream.write_all(response("200 OK", TOKEN).as_bytes()).await.unwrap();
        (warm_up, call)
    });
    client.warm_up().await.unwrap();
    client.issue_token(&id(), &token_request()).await.unwrap();
    let (warm_up, call) = server.await.unwrap();
    assert_eq!(warm_up.line, "HEAD / HTTP/1.1");
    assert_eq!(warm_up.header("authorization"), "");
    assert!(call.line.starts_with("POST /identities/"));
}
