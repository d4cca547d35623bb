//! The managed identity: its token endpoint, and its tokens as credentials.

use acs_tokens::emulator::DEVELOPMENT_IDENTITY_HEADER;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{CREATE, Request, Server, tls::TlsServer};
use crate::harness::log::Log;

pub(super) const TOKEN: &str = "msi/token?api-version=2019-08-01&resource=https%3A%2F%2Fcommunication.azure.com%2F";

/// Returns a request to the token endpoint, as `azure_identity` sends it.
pub(super) fn token_request(server: &Server, path: &str) -> Request {
    let mut request = server.control_request("GET", path, &Value::Null);
    request.set("X-IDENTITY-HEADER", DEVELOPMENT_IDENTITY_HEADER);
    request.set("Metadata", "true");
    request
}

fn with_bearer(server: &Server, token: &str) -> Request {
    let mut request = server.request("POST", CREATE, "{}");
    request.set("Authorization", &format!("Bearer {token}"));
    request
}

#[tokio::test]
async fn the_answer_has_the_form_of_app_service() {
    let server = Server::start().await;
    let client_id = "c11e0000-0000-4000-8000-c11e00000000";
    for (path, client_id) in
        [(TOKEN, "5e11a551-0000-4000-8000-5e11a5510000"), (&format!("{TOKEN}&client_id={client_id}"), client_id)]
    {
        let answer = server.send(&token_request(&server, path)).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
        let answer = answer.json();
        let expires_on: i64 = answer["expires_on"].as_str().unwrap().parse().unwrap();
        let left = expires_on - Timestamp::now().as_second();
        assert!((86_390..=86_400).contains(&left), "{left}");
        let expected = json!({
            "access_token": answer["access_token"],
            "client_id": client_id,
            "expires_on": answer["expires_on"],
            "resource": "https://communication.azure.com/",
            "token_type": "Bearer",
        });
        assert_eq!(answer, expected);
    }
    assert_eq!(server.get("state").await["managedIdentityTokens"], 2);
}

#[tokio::test]
async fn errors_have_the_form_of_app_service() {
    let server = Server::start().await;
    let header = "the X-IDENTITY-HEADER is not that of the emulator";
    let version = "the api-version must be 2019-08-01";
    for (path, sent_header, status, message) in [
        (TOKEN, "", 401, header),
        (TOKEN, "x", 401, header),
        ("msi/token", DEVELOPMENT_IDENTITY_HEADER, 400, version),
        ("msi/token?api-version=2018-02-01&resource=x", DEVELOPMENT_IDENTITY_HEADER, 400, version),
        ("msi/token?api-version=2019-08-01", DEVELOPMENT_IDENTITY_HEADER, 400, "the resource is missing"),
        (&format!("{TOKEN}&client_id=me"), DEVELOPMENT_IDENTITY_HEADER, 400, "the client_id is not a GUID"),
    ] {
        let mut request = token_request(&server, path);
        request.set("X-IDENTITY-HEADER", sent_header);
        let answer = server.send(&request).await;
        let expected = json!({ "statusCode": status, "message": message });
        assert_eq!((answer.status, answer.json()), (status, expected), "{path}");
    }
}

#[tokio::test]
async fn its_tokens_are_valid_over_https_only() {
    let (log, _guard) = Log::capture();
    let tls = TlsServer::generated().await;
    let server = &tls.server;
    let send = async |request: &Request| tls.send("localhost", request).await.unwrap();
    let token =
        async |path: &str| send(&token_request(server, path)).await.json()["access_token"].as_str().unwrap().to_owned();
    let good = token(TOKEN).await;
    let answer = send(&with_bearer(server, &good)).await;
    assert_eq!(answer.status, 201, "{answer:?}");

    let no_slash = token("msi/token?api-version=2019-08-01&resource=https://communication.azure.com").await;
    let settings = json!({ "managedIdentityTokenLifetimeSeconds": -60 });
    assert_eq!(send(&server.control_request("PUT", "settings", &settings)).await.status, 204);
    let expired = token(TOKEN).await;
    let mut forged = good.clone();
    // The last letter but one: some bits of the last one are not part of the signature.
    let at = forged.len() - 2;
    forged.replace_range(at..=at, if &forged[at..=at] == "A" { "B" } else { "A" });
    let unknown = "the bearer token was not issued by this emulator";
    let audience = "the audience of the bearer token is 'https://communication.azure.com'; \
                    it must be 'https://communication.azure.com/'";
    for (token, reason) in [
        (&*no_slash, audience),
        // The number of seconds depends on how long the calls take.
        (&expired, "the bearer token expired "),
        (&forged, unknown),
        ("", unknown),
    ] {
        let answer = send(&with_bearer(server, token)).await;
        answer.assert_error(401, "Denied", "Denied by the resource provider.", None);
        let text = log.take();
        assert!(text.contains(reason) && !text.contains("eyJ"), "{text}");
    }
    // The SDKs send no bearer token over plain http either. Both emulators have the same key.
    let plain = Server::start().await;
    plain.send(&with_bearer(&plain, &good)).await.assert_error(401, "Denied", "Denied by the resource provider.", None);
    log.assert_denial("a bearer token was sent over plain http; use the emulator's https address");
}
