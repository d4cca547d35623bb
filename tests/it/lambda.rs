//! The real `bootstrap`, with each kind of event that Lambda sends.

mod federation;
mod hostile;
mod other_events;
mod refusals;
#[cfg(unix)]
mod relay;
mod runtime_api;
mod template;

#[cfg(unix)]
use acs_tokens::emulator::connection_string;
use serde_json::Value;

use crate::harness::{assert_token, emulator};
use runtime_api::Lambda;

/// A resource that does not answer.
const ACS: (&str, &str) = ("COMMUNICATION_SERVICES_CONNECTION_STRING", "endpoint=http://127.0.0.1:9/;accesskey=cHc=");
const CALLER_KEYS: (&str, &str) = ("CALLER_KEYS", "tests=key-of-the-test-events");

/// Starts `bootstrap` with an emulator and more settings.
async fn lambda(settings: &[(&str, &str)]) -> Lambda {
    let connection_string = emulator().await.1;
    let acs = ("COMMUNICATION_SERVICES_CONNECTION_STRING", connection_string.as_str());
    Lambda::start(&[&[acs], settings].concat()).await
}

/// Reads an event from its file.
fn event(name: &str) -> Value {
    let path = format!("{}/tests/it/lambda/events/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap()
}

#[tokio::test]
async fn responds_to_each_kind_of_event() {
    let mut lambda = lambda(&[CALLER_KEYS]).await;
    for name in [
        "rest-create-identity",
        "rest-create-identity-base64",
        "http-create-identity",
        "alb-create-identity",
        "alb-multi-value-create-identity",
        "url-create-identity",
        "url-create-identity-base64",
    ] {
        let answer = lambda.invoke(name, &event(name)).await;
        answer.assert_ok(201);
        assert_token(&answer.json()["accessToken"], 1440);
        assert_eq!(answer.header("x-request-id"), name);
    }
    for name in ["rest-delete-identity", "http-delete-identity", "alb-multi-value-revoke-tokens"] {
        lambda.invoke(name, &event(name)).await.assert_code(404, "identity-not-found", &[]);
    }
    let head = lambda.invoke("head", &event("url-head-health")).await;
    head.assert_ok(200);
    assert_eq!(head.body, "");
}

#[tokio::test]
async fn creates_revokes_and_deletes() {
    let mut lambda = lambda(&[CALLER_KEYS]).await;
    let created = lambda.invoke("1", &event("http-create-identity")).await.json();
    let path = format!("/api/identities/{}", created["identity"]["id"].as_str().unwrap());
    let mut delete = event("http-delete-identity");
    delete["rawPath"] = format!("{path}/tokens").into();
    let answer = lambda.invoke("2", &delete).await;
    answer.assert_ok(204);
    assert_eq!((&*answer.body, answer.headers.get("content-length")), ("", None));
    delete["rawPath"] = path.into();
    lambda.invoke("3", &delete).await.assert_ok(204);
    lambda.invoke("4", &delete).await.assert_code(404, "identity-not-found", &[]);
}

/// API Gateway puts the stage in front of the path of a REST API and removes it from the event.
#[tokio::test]
async fn location_holds_behind_a_stage() {
    let mut lambda = lambda(&[CALLER_KEYS]).await;
    for (path, url) in [
        ("/api/identities", "https://api.example/prod/api/identities"),
        ("/api/identities/", "https://api.example/prod/api/identities/"),
    ] {
        let mut create = event("rest-create-identity");
        create["path"] = path.into();
        let created = lambda.invoke("1", &create).await;
        created.assert_ok(201);
        let location = reqwest::Url::parse(url).unwrap().join(created.header("location")).unwrap();
        let mut delete = event("rest-delete-identity");
        delete["path"] = location.path().strip_prefix("/prod").unwrap().into();
        lambda.invoke("2", &delete).await.assert_ok(204);
    }
}

#[tokio::test]
async fn every_form_of_a_401_has_both_challenges() {
    let issuer = [("OIDC_ISSUERS", "http://127.0.0.1:9/issuer"), ("OIDC_AUDIENCES", "app")];
    let mut lambda = lambda(&[&[CALLER_KEYS][..], &issuer].concat()).await;
    for name in
        ["rest-create-identity", "http-create-identity", "alb-create-identity", "alb-multi-value-create-identity"]
    {
        let mut event = event(name);
        for headers in ["headers", "multiValueHeaders"] {
            if let Some(headers) = event[headers].as_object_mut() {
                headers.remove("x-functions-key");
            }
        }
        let answer = lambda.invoke("1", &event).await;
        answer.assert_code(401, "unauthorized", &[]);
        let challenges: Vec<_> = answer.headers.get_all("www-authenticate").iter().collect();
        assert_eq!(challenges, [r#"FunctionsKey header="x-functions-key", Bearer"#], "{name}");
    }
}

/// A `bootstrap` that Lambda starts without a variable that Lambda always sets: the only panic that a test can cause.
#[tokio::test]
async fn panic_is_one_json_line() {
    let memory = ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "much");
    let (status, log) = Lambda::start(&[CALLER_KEYS, ACS, memory]).await.ended().await;
    assert!(!status.success());
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [panic] = &lines[..] else { panic!("{log}") };
    assert_eq!((&panic["level"], &panic["message"]), (&"ERROR".into(), &"panicked".into()));
    assert!(panic["cause"].as_str().unwrap().contains("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"), "{panic}");
}

#[tokio::test]
async fn requires_a_caller_key() {
    let mut lambda = lambda(&[CALLER_KEYS]).await;
    let mut event = event("url-create-identity");
    event["headers"]["x-functions-key"] = "an-unknown-key".into();
    lambda.invoke("1", &event).await.assert_code(401, "unauthorized", &[]);
    event["headers"].as_object_mut().unwrap().remove("x-functions-key");
    lambda.invoke("2", &event).await.assert_code(401, "unauthorized", &[]);
}

#[tokio::test]
async fn request_id_comes_from_the_runtime_api_only() {
    let mut lambda = lambda(&[CALLER_KEYS]).await;
    let mut spoofed = event("url-head-health");
    for name in ["x-request-id", "x-azure-functions-invocationid", "lambda-runtime-aws-request-id"] {
        spoofed["headers"][name] = "spoofed".into();
    }
    assert_eq!(lambda.invoke("the-real-one", &spoofed).await.header("x-request-id"), "the-real-one");
    let log = lambda.log().await;
    assert!(log.contains("the-real-one") && !log.contains("spoofed"), "{log}");
}

#[tokio::test]
async fn logs_no_event_at_any_level() {
    for level in ["trace", "lambda_runtime::layers::api_response=trace"] {
        let mut lambda = lambda(&[CALLER_KEYS, ("RUST_LOG", level)]).await;
        let created = lambda.invoke("1", &event("url-create-identity")).await.json();
        let token = created["accessToken"]["token"].as_str().unwrap();
        let log = lambda.log().await;
        for secret in ["key-of-the-test-events", token, "createTokenWithScopes"] {
            assert!(!log.contains(secret), "{secret} is in the log: {log}");
        }
    }
}

#[tokio::test]
async fn exits_with_1_and_logs_all_errors_in_the_settings() {
    let wrong = [("COMMUNICATION_SERVICES_ENDPOINT", "contoso"), ("COMMUNICATION_SERVICES_ACCESSKEY", "no base64!")];
    let (status, log) = Lambda::start(&wrong).await.ended().await;
    assert_eq!(status.code(), Some(1));
    for setting in ["COMMUNICATION_SERVICES_ENDPOINT: ", "COMMUNICATION_SERVICES_ACCESSKEY: ", "CALLER_KEYS: "] {
        assert!(log.contains(setting), "{setting} is not in the log: {log}");
    }
    let (status, log) = Lambda::start(&[("AWS_LAMBDA_RUNTIME_API", "")]).await.ended().await;
    assert_eq!(status.code(), Some(1));
    assert!(log.contains("AWS_LAMBDA_RUNTIME_API: is missing"), "{log}");
}

#[tokio::test]
async fn anonymous_access_logs_a_warning_at_start() {
    let mut lambda = lambda(&[("ALLOW_ANONYMOUS", "true")]).await;
    let mut event = event("url-create-identity");
    event["headers"].as_object_mut().unwrap().remove("x-functions-key");
    lambda.invoke("1", &event).await.assert_ok(201);
    let log = lambda.log().await;
    let warning: Value = serde_json::from_str(log.lines().next().unwrap()).unwrap();
    assert_eq!(warning["level"], "WARN");
    assert!(warning["message"].as_str().unwrap().starts_with("ALLOW_ANONYMOUS is true"), "{warning}");
}

/// Lambda freezes the process between requests. Meanwhile, ACS closes idle connections.
#[cfg(unix)]
#[tokio::test]
async fn a_connection_closed_while_frozen_fails_no_request() {
    let emulator = emulator().await.0;
    let relay = relay::Relay::start(emulator.replace("http://", "")).await;
    let acs = connection_string("http", relay.address);
    let mut lambda = Lambda::start(&[CALLER_KEYS, ("COMMUNICATION_SERVICES_CONNECTION_STRING", &acs)]).await;
    for id in ["1", "2"] {
        lambda.invoke(id, &event("http-create-identity")).await.assert_ok(201);
    }
    // One connection from the warm-up, and one more if the first request did not wait for it.
    let before = relay.connections();
    assert!((1..=2).contains(&before), "connections are reused, but there were {before}");
    lambda.signal("STOP").await;
    relay.close_all().await;
    lambda.signal("CONT").await;
    lambda.invoke("3", &event("http-create-identity")).await.assert_ok(201);
    assert!(relay.connections() > before, "closed connections are replaced");
}
