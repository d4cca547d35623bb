//! `bootstrap` with the environment that infra/aws/template.yaml gives it. STS, Entra and S3 are simulated.

use serde_json::{Value, json};

use super::{
    Lambda, event,
    federation::{acs_and_entra, issued, sts},
};
use crate::{
    aws_template::{REQUIRED, stack::Stack},
    directory::stand_in::{Kind, StandIn},
    harness::assert_token,
    keyless::Fixture,
};

/// 44 letters and digits, as Secrets Manager makes them. The last character of a base64 text of 33 bytes may be any.
const CALLER_KEY: &str = "q7YzK2mVb0XwTn4LrJcE9sPfH6uGdAo1ZiQxRt8MkWvB";
const PREVIOUS_KEY: &str = "B1YzK2mVb0XwTn4LrJcE9sPfH6uGdAo1ZiQxRt8MkWv7";
const DIRECTORY_KEY: &str = "Z0YzK2mVb0XwTn4LrJcE9sPfH6uGdAo1ZiQxRt8MkWvq";

fn secret(name: &str) -> String {
    let secret = match name {
        "CallerKeySecret" => CALLER_KEY,
        "CallerKeySecret:AWSPREVIOUS" => PREVIOUS_KEY,
        "DirectoryKeySecret" => DIRECTORY_KEY,
        _ => panic!("no secret {name}"),
    };
    secret.to_owned()
}

/// Returns what Lambda adds to the environment of a function, and the addresses of the simulated services.
fn surroundings(acs: &Fixture, sts: &str, s3: &str) -> Vec<(String, String)> {
    let certificate = acs.folder.path().join("ca.pem");
    let added = [
        ("AWS_REGION", "eu-central-1"),
        ("AWS_DEFAULT_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "ASIAEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
        ("AWS_SESSION_TOKEN", "the-session-token-of-the-role"),
        ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
        ("AWS_LAMBDA_LOG_LEVEL", "TRACE"),
        ("AZURE_AUTHORITY_HOST", &acs.secure),
        ("AWS_ENDPOINT_URL_STS", sts),
        ("AWS_ENDPOINT_URL_S3", s3),
        ("SSL_CERT_FILE", certificate.to_str().unwrap()),
    ];
    added.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

async fn start(environment: &[(String, String)]) -> Lambda {
    let environment: Vec<_> = environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    Lambda::start(&environment).await
}

/// Returns the template with a resource of ACS at an address, and more parameters.
fn stack_at<'a>(acs: &'a Fixture, more: &[(&'a str, &'a str)]) -> Stack {
    Stack::new(&[&[("CommunicationServicesEndpoint", &*acs.secure)], &REQUIRED[1..], more].concat())
}

fn event_with(headers: &[(&str, &str)], method: &str, path: &str, body: &Value) -> Value {
    let mut event = event("http-create-identity");
    event["headers"].as_object_mut().unwrap().remove("x-functions-key");
    for (name, value) in headers {
        event["headers"][name] = json!(value);
    }
    event["rawPath"] = json!(path);
    event["requestContext"]["http"]["method"] = json!(method);
    event["body"] = json!(body.to_string());
    event["headers"]["content-length"] = json!(body.to_string().len().to_string());
    event
}

fn is_ready() -> Value {
    let mut event = event_with(&[], "GET", "/api/health", &Value::Null);
    event["rawQueryString"] = json!("ready");
    event
}

#[tokio::test]
async fn a_key_gets_the_first_token_by_the_role_of_the_function() {
    let acs = acs_and_entra().await;
    let (sts, mut requests) = sts("200 OK", issued()).await;
    let stack = stack_at(&acs, &[]);
    let mut lambda = start(&[stack.environment(secret), surroundings(&acs, &sts, "")].concat()).await;
    let create = |key| {
        let body = json!({ "createTokenWithScopes": ["chat"] });
        event_with(&[("x-functions-key", key)], "POST", "/api/identities", &body)
    };
    let answer = lambda.invoke("1", &create(CALLER_KEY)).await;
    answer.assert_ok(201);
    assert_token(&answer.json()["accessToken"], 1440);
    lambda.invoke("2", &create(PREVIOUS_KEY)).await.assert_code(401, "unauthorized", &[]);
    lambda.invoke("3", &is_ready()).await.assert_ok(200);

    let request = requests.recv().await.unwrap();
    assert_role_permits(&stack, request.split_once("\r\n\r\n").unwrap().1);
    let log = lambda.log().await;
    assert!(!log.contains(r#""level":"WARN""#), "{log}");
}

/// Asserts that the conditions of the role are those of a request to STS.
fn assert_role_permits(stack: &Stack, request: &str) {
    let role = &stack.section("Resources")["Role"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"];
    let mut statements = role.as_array().unwrap().iter();
    let statement = statements.find(|statement| statement["Action"] == "sts:GetWebIdentityToken").unwrap();
    let url = reqwest::Url::parse(&format!("https://sts.example/?{request}")).unwrap();
    let sent = |name: &str| url.query_pairs().find(|(key, _)| key == name).unwrap().1.into_owned();
    let expected = json!({
        "ForAllValues:StringEquals": { "sts:IdentityTokenAudience": sent("Audience.member.1") },
        "StringEquals": { "sts:SigningAlgorithm": sent("SigningAlgorithm") },
        "NumericLessThanEquals": { "sts:DurationSeconds": sent("DurationSeconds").parse::<u32>().unwrap() },
    });
    assert_eq!(statement["Condition"], expected);
}

#[tokio::test]
async fn both_keys_are_accepted_while_the_key_is_replaced() {
    let acs = acs_and_entra().await;
    let (sts, _requests) = sts("200 OK", issued()).await;
    let stack = stack_at(&acs, &[("AcceptPreviousCallerKey", "true")]);
    let mut lambda = start(&[stack.environment(secret), surroundings(&acs, &sts, "")].concat()).await;
    for (key, caller) in [(CALLER_KEY, "key:backend"), (PREVIOUS_KEY, "key:previous")] {
        let create = event_with(&[("x-functions-key", key)], "POST", "/api/identities", &json!({}));
        lambda.invoke(caller, &create).await.assert_ok(201);
    }
    let log = lambda.log().await;
    assert!(log.contains("key:backend") && log.contains("key:previous"), "{log}");
}

#[tokio::test]
async fn a_user_gets_a_token_and_has_a_record_in_the_bucket() {
    let acs = acs_and_entra().await;
    let (sts, _requests) = sts("200 OK", issued()).await;
    let s3 = StandIn::start(Kind::S3).await;
    let issuer = acs.issuer();
    let stack = stack_at(&acs, &[("OidcIssuers", &issuer), ("OidcAudiences", "app")]);
    let mut lambda = start(&[stack.environment(secret), surroundings(&acs, &sts, &s3.url)].concat()).await;
    let token = acs.control("POST", "oidc/tokens", &json!({ "claims": { "aud": "app", "sub": "ada" } })).await;
    let bearer = format!("Bearer {}", token["token"].as_str().unwrap());
    let mine = event_with(&[("authorization", &bearer)], "POST", "/api/me/token", &json!({}));
    let answer = lambda.invoke("1", &mine).await;
    answer.assert_ok(200);
    let mut token = answer.json();
    assert!(token.as_object_mut().unwrap().remove("user").is_some());
    assert_token(&token, 60);
    assert!(s3.writes() > 0);
    lambda.invoke("2", &is_ready()).await.assert_ok(200);
    let by_key = event_with(&[("x-functions-key", CALLER_KEY)], "POST", "/api/identities", &json!({}));
    lambda.invoke("3", &by_key).await.assert_code(401, "unauthorized", &[]);
}

/// Asserts that the service is not ready, and that the log names the remedy.
async fn assert_not_ready(environment: &[(String, String)], remedy: &str) {
    let mut lambda = start(environment).await;
    lambda.invoke("1", &is_ready()).await.assert_code(503, "not-ready", &[]);
    let log = lambda.log().await;
    assert!(log.contains(remedy), "{remedy} is not in {log}");
}

#[tokio::test]
async fn a_role_that_entra_does_not_trust_is_named_with_its_remedy() {
    let acs = acs_and_entra().await;
    let refused = "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>";
    let (sts, _requests) = sts("403 Forbidden", refused.to_owned()).await;
    let environment = [stack_at(&acs, &[]).environment(secret), surroundings(&acs, &sts, "")].concat();
    assert_not_ready(&environment, "let the identity trust the role of the function").await;
}

#[tokio::test]
async fn a_bucket_that_the_role_may_not_read_is_named_with_the_permissions() {
    let acs = acs_and_entra().await;
    let (sts, _requests) = sts("200 OK", issued()).await;
    let s3 = StandIn::start(Kind::S3).await;
    s3.fail(http::Method::GET, 403, "<Error><Code>AccessDenied</Code></Error>", usize::MAX);
    let issuer = acs.issuer();
    let stack = stack_at(&acs, &[("OidcIssuers", &issuer), ("OidcAudiences", "app")]);
    let environment = [stack.environment(secret), surroundings(&acs, &sts, &s3.url)].concat();
    assert_not_ready(&environment, "s3:GetObject").await;
}

#[tokio::test]
async fn an_endpoint_where_nothing_listens_is_named_with_its_remedy() {
    let acs = acs_and_entra().await;
    let (sts, _requests) = sts("200 OK", issued()).await;
    let stack = Stack::new(&[&[("CommunicationServicesEndpoint", "https://127.0.0.1:9")], &REQUIRED[1..]].concat());
    let environment = [stack.environment(secret), surroundings(&acs, &sts, "")].concat();
    assert_not_ready(&environment, "compare the endpoint with the Keys page").await;
}

#[tokio::test]
async fn an_unresolved_reference_is_named_at_the_start() {
    let unresolved = |name: &str| format!("{{{{resolve:secretsmanager:{name}}}}}");
    let environment = Stack::new(&REQUIRED).environment(|name| unresolved(name).replace("resolve", "unresolved"));
    let (status, log) = start(&environment).await.ended().await;
    assert_eq!(status.code(), Some(1));
    assert!(log.contains("CALLER_KEYS: contains the placeholder `{{…}}`, which was not replaced"), "{log}");
}
