//! `bootstrap` without a key: a token of AWS for the role of the function, exchanged at Entra. Both are simulated.

use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
};

use super::{CALLER_KEYS, Lambda, event};
use crate::{keyless::Fixture, redirects::Redirecting};

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const SESSION: &str = "the-session-token-of-the-role";
const ASSERTION: &str = "eyJ-the-token-that-aws-gives";

/// Simulates STS: sends the same response to each request, and returns the requests.
pub(super) async fn sts(status: &'static str, body: String) -> (String, UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, requests) = unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut received = String::new();
            while !received.ends_with("SigningAlgorithm=RS256") {
                let mut chunk = [0; 4096];
                let n = stream.read(&mut chunk).await.unwrap();
                received.push_str(std::str::from_utf8(&chunk[..n]).unwrap());
            }
            sender.send(received).unwrap();
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close", body.len());
            stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).await.unwrap();
        }
    });
    (url, requests)
}

/// Returns the body of STS's answer with a token.
pub(super) fn issued() -> String {
    format!(
        "<R><GetWebIdentityTokenResult><WebIdentityToken>{ASSERTION}</WebIdentityToken></GetWebIdentityTokenResult></R>"
    )
}

/// Starts an emulator whose next response is that of Entra.
pub(super) async fn acs_and_entra() -> Fixture {
    let fixture = Fixture::start().await;
    let token = &fixture.token().await["access_token"];
    let answer = json!({ "token_type": "Bearer", "expires_in": 3600, "access_token": token }).to_string();
    let fault = json!({ "answer": { "status": 200, "headers": {"Content-Type": "application/json"}, "body": answer } });
    fixture.control("POST", "faults", &fault).await;
    fixture
}

async fn start(acs: &Fixture, sts: &str) -> Lambda {
    Lambda::start(&[
        CALLER_KEYS,
        ("COMMUNICATION_SERVICES_ENDPOINT", &*acs.secure),
        ("SSL_CERT_FILE", acs.folder.path().join("ca.pem").to_str().unwrap()),
        ("AZURE_AUTHORITY_HOST", &*acs.secure),
        ("AZURE_TENANT_ID", "e27a0000-0000-4000-8000-e27a00000000"),
        ("AZURE_CLIENT_ID", "c11e0000-0000-4000-8000-c11e00000000"),
        ("AWS_ENDPOINT_URL_STS", sts),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "ASIAEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", SECRET),
        ("AWS_SESSION_TOKEN", SESSION),
        ("RUST_LOG", "trace"),
    ])
    .await
}

fn assert_no_secret(log: &str) {
    for secret in [SECRET, SESSION, ASSERTION] {
        assert!(!log.contains(secret), "{log}");
    }
}

#[tokio::test]
async fn the_role_of_the_function_replaces_a_key() {
    let acs = acs_and_entra().await;
    let (url, mut requests) = sts("200 OK", issued()).await;
    let mut lambda = start(&acs, &url).await;
    lambda.invoke("1", &event("http-create-identity")).await.assert_ok(201);

    let request = requests.recv().await.unwrap();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST / HTTP/1.1\r\n"), "{head}");
    assert!(head.contains(&format!("x-amz-security-token: {SESSION}")), "{head}");
    let date = head.split_once("x-amz-date: ").unwrap().1[..8].to_owned();
    let expected = format!(
        "authorization: AWS4-HMAC-SHA256 Credential=ASIAEXAMPLE/{date}/eu-central-1/sts/aws4_request, \
         SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date;x-amz-security-token, Signature="
    );
    assert!(head.contains(&expected), "{head}");
    let parameters = "Action=GetWebIdentityToken&Version=2011-06-15&Audience.member.1=api%3A%2F%2FAzureADTokenExchange&\
                      DurationSeconds=300&SigningAlgorithm=RS256";
    assert_eq!(body, parameters);
    assert_no_secret(&lambda.log().await);
}

#[tokio::test]
async fn a_failure_of_sts_is_logged() {
    let acs = acs_and_entra().await;
    let body = "<ErrorResponse><Error><Code>OutboundWebIdentityFederationDisabled</Code></Error></ErrorResponse>";
    let (url, _requests) = sts("403 Forbidden", body.to_owned()).await;
    let mut lambda = start(&acs, &url).await;
    let answer = lambda.invoke("1", &event("http-create-identity")).await;
    assert!(answer.status == 502 && answer.body.contains("\"misconfigured\""), "{answer:?}");
    let log = lambda.log().await;
    assert!(log.contains("STS answered 403, OutboundWebIdentityFederationDisabled"), "{log}");
    assert_no_secret(&log);
}

#[tokio::test]
async fn all_requests_obey_one_wait_of_sts() {
    let acs = acs_and_entra().await;
    // AWS's query APIs throttle with 400.
    let body = "<ErrorResponse><Error><Code>Throttling</Code></Error></ErrorResponse>";
    let (url, mut requests) = sts("400 Bad Request\r\nRetry-After: 600", body.to_owned()).await;
    let mut lambda = start(&acs, &url).await;
    for id in ["1", "2"] {
        let answer = lambda.invoke(id, &event("http-create-identity")).await;
        answer.assert_code(503, "credential-unavailable", &[]);
        let seconds: u64 = answer.header("retry-after").parse().unwrap();
        assert!((1..=600).contains(&seconds), "{seconds}");
    }
    assert!(requests.try_recv().is_ok() && requests.try_recv().is_err());
    assert_no_secret(&lambda.log().await);
}

#[tokio::test]
async fn redirects_of_sts_are_not_followed() {
    for status in [301, 302, 307, 308] {
        let (acs, sts) = (acs_and_entra().await, Redirecting::start(status).await);
        let mut lambda = start(&acs, &sts.url).await;
        lambda.invoke("1", &event("http-create-identity")).await.assert_code(502, "misconfigured", &[]);
        sts.assert_not_followed(&format!("STS {status}"));
    }
}

#[tokio::test]
async fn missing_settings_are_listed() {
    let endpoint = ("COMMUNICATION_SERVICES_ENDPOINT", "https://contoso.communication.azure.com");
    let (status, log) = Lambda::start(&[CALLER_KEYS, endpoint]).await.ended().await;
    assert_eq!(status.code(), Some(1));
    for setting in ["AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AWS_REGION", "AWS_SESSION_TOKEN"] {
        assert!(log.contains(&format!("{setting}: is missing; aws-federation requires it")), "{log}");
    }
}
