//! Authentication, and the reasons for a denial in the log.

use acs_tokens::emulator::{DEVELOPMENT_KEY, DEVELOPMENT_KEY_SECONDARY};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{CREATE, Request, Server};
use crate::harness::log::Log;

impl Log {
    /// Checks that the emulator logged one denial, for this reason.
    #[track_caller]
    pub(super) fn assert_denial(&self, reason: &str) {
        let text = self.take();
        assert!(text.contains(reason), "'{reason}' is not in the log: {text}");
        assert!(text.contains(" WARN acs_emulator: denied: ") && text.lines().count() == 1, "{text}");
    }
}

/// Sends a request that must be denied, and checks the reason in the log.
pub(super) async fn assert_denied(server: &Server, log: &Log, request: &Request, reason: &str) {
    let answer = server.send(request).await;
    answer.assert_error(401, "Denied", "Denied by the resource provider.", None);
    assert_eq!(answer.header("api-supported-versions"), None);
    log.assert_denial(reason);
}

#[tokio::test]
async fn signatures_of_all_sdks_are_valid() {
    let server = Server::start().await;
    let port = server.address.port();
    // The signed and sent Host of new SDKs, of JavaScript up to 2.4.0, and of Java.
    for host in [format!("127.0.0.1:{port}"), format!("localhost:{port}:{port}"), "localhost".to_owned()] {
        let mut request = server.signed("POST", CREATE, "{}", |signing| signing.values[1].clone_from(&host));
        request.set("Host", &host);
        assert_eq!(server.send(&request).await.status, 201, "{host}");
    }
    // Java signs the host without a port; a client below it may send the port all the same.
    for host in ["127.0.0.1", "[::1]"] {
        for sent in [format!("{host}:{port}"), format!("{host}:{port}:{port}")] {
            let mut request = server.signed("POST", CREATE, "{}", |signing| host.clone_into(&mut signing.values[1]));
            request.set("Host", &sent);
            assert_eq!(server.send(&request).await.status, 201, "{sent}");
        }
    }
    // JavaScript 1.0.0 signed `date`. The order of the headers is up to the caller.
    let mut request = server.signed("POST", CREATE, "{}", |signing| signing.names[0] = "date");
    let (_, date) = request.remove("x-ms-date").unwrap();
    request.set("Date", &date);
    assert_eq!(server.send(&request).await.status, 201);
    let request = server.signed("POST", CREATE, "{}", |signing| {
        signing.names.swap(0, 1);
        signing.values.swap(0, 1);
    });
    assert_eq!(server.send(&request).await.status, 201);
}

#[tokio::test]
async fn the_log_has_the_reason_for_an_invalid_header() {
    let server = Server::start().await;
    let (log, _guard) = Log::capture();
    let good = server.request("POST", CREATE, "{}");
    let signature = format!("Signature={}", STANDARD.encode([0; 32]));
    let all = "SignedHeaders=x-ms-date;host;x-ms-content-sha256";
    for (value, reason) in [
        ("Bearer eyJ0.e30.sig", "a bearer token was sent over plain http; use the emulator's https address"),
        ("eyJ0.e30.sig", "the scheme of the Authorization header is neither HMAC-SHA256 nor Bearer"),
        ("HMAC-SHA256 Signature", "malformed: expected only SignedHeaders=…&Signature=… after the scheme"),
        (&format!("HMAC-SHA256 {signature}"), "malformed: SignedHeaders=… is missing"),
        (&format!("HMAC-SHA256 {all}"), "malformed: Signature=… is missing"),
        (&format!("HMAC-SHA256 {signature}&{signature}"), "malformed: it contains SignedHeaders or Signature twice"),
        (
            &format!("HMAC-SHA256 SignedHeaders=host;x-ms-content-sha256&{signature}"),
            "SignedHeaders lacks x-ms-date; it must name x-ms-date (or date), host and x-ms-content-sha256",
        ),
        (&format!("HMAC-SHA256 SignedHeaders=x-ms-date;x-ms-content-sha256&{signature}"), "SignedHeaders lacks host;"),
        (&format!("HMAC-SHA256 SignedHeaders=x-ms-date;host&{signature}"), "SignedHeaders lacks x-ms-content-sha256;"),
        (
            &format!("HMAC-SHA256 {all};x-more&{signature}"),
            "the header x-more is signed, but was not sent exactly once in ASCII",
        ),
        (&format!("HMAC-SHA256 {all}&Signature=AAAA"), "the signature is not base64 of 32 bytes"),
    ] {
        let mut request = good.clone();
        request.set("Authorization", value);
        assert_denied(&server, &log, &request, reason).await;
    }
    let hash = "RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o=";
    for (header, value, reason) in [
        ("x-ms-date", "yesterday", "the date 'yesterday' is not an RFC 9110 date"),
        ("x-ms-content-sha256", "abc", &format!("the body has the hash {hash}, but x-ms-content-sha256 is abc")),
    ] {
        let mut request = good.clone();
        request.set(header, value);
        assert_denied(&server, &log, &request, reason).await;
    }
    let mut request = good;
    request.body = "[]".to_owned();
    assert_denied(&server, &log, &request, "the body has the hash").await;
}

#[tokio::test]
async fn signed_headers_must_be_sent_exactly_once() {
    let server = Server::start().await;
    let (log, _guard) = Log::capture();
    for header in ["Authorization", "x-ms-date", "Host", "x-ms-content-sha256"] {
        let (malformed, reason) = match header {
            "Authorization" => ("the Authorization header is malformed", "the Authorization header is missing"),
            _ => (&*format!("the header {} is signed", header.to_lowercase()), "is signed, but was not sent"),
        };
        let mut request = server.request("POST", CREATE, "{}");
        let sent = request.remove(header).unwrap();
        assert_denied(&server, &log, &request, reason).await;
        request.headers.extend([sent.clone(), sent]);
        assert_denied(&server, &log, &request, malformed).await;
    }
}

#[tokio::test]
async fn the_clock_may_differ_by_five_minutes() {
    let server = Server::start().await;
    let (log, _guard) = Log::capture();
    let dated = |seconds| {
        let at = Timestamp::now() + SignedDuration::from_secs(seconds);
        let date = at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let mut request = server.signed("POST", CREATE, "{}", |signing| signing.values[0].clone_from(&date));
        request.set("x-ms-date", &date);
        request
    };
    for seconds in [-290, 290] {
        assert_eq!(server.send(&dated(seconds)).await.status, 201, "{seconds}");
    }
    let message = "The given request could not be resolved.\nThe time difference between the originating client and the \
                   server is greater than the allowed margin of 5 minutes.";
    for (seconds, side) in [(-320, "behind the emulator's clock"), (320, "ahead of the emulator's clock")] {
        server.send(&dated(seconds)).await.assert_error(401, "Denied", message, None);
        log.assert_denial(side);
    }
}

#[tokio::test]
async fn authentication_comes_before_any_other_error() {
    let server = Server::start().await;
    let (log, _guard) = Log::capture();
    for (method, target) in [("GET", "/nowhere"), ("PUT", "/identities"), ("POST", "/identities?api-version=1")] {
        let mut request = server.request(method, target, "not json");
        request.remove("Authorization");
        assert_denied(&server, &log, &request, "the Authorization header is missing").await;
    }
}

#[tokio::test]
async fn both_access_keys_are_valid_until_they_are_regenerated() {
    let (log, _guard) = Log::capture();
    let server = Server::start().await;
    let published = json!({ "primaryKey": DEVELOPMENT_KEY, "secondaryKey": DEVELOPMENT_KEY_SECONDARY });
    assert_eq!(server.get("keys").await, published);
    let with = |key: &str| server.signed_with(key, CREATE, "{}");
    for key in [DEVELOPMENT_KEY, DEVELOPMENT_KEY_SECONDARY] {
        assert_eq!(server.send(&with(key)).await.status, 201);
    }

    let keys = server.post("keys/regenerate", &json!({ "keyType": "Primary" })).await;
    let primary = keys["primaryKey"].as_str().unwrap();
    assert_eq!(keys["secondaryKey"], DEVELOPMENT_KEY_SECONDARY);
    assert_eq!(STANDARD.decode(primary).unwrap().len(), 64);
    for key in [primary, DEVELOPMENT_KEY_SECONDARY] {
        assert_eq!(server.send(&with(key)).await.status, 201);
    }
    let reason = "the access key was regenerated; GET the current one from the control API";
    assert_denied(&server, &log, &with(DEVELOPMENT_KEY), reason).await;

    let keys = server.post("keys/regenerate", &json!({ "keyType": "secondary" })).await;
    assert_eq!(keys["primaryKey"], primary);
    assert_denied(&server, &log, &with(DEVELOPMENT_KEY_SECONDARY), reason).await;

    server.order("POST", "reset", &Value::Null).await;
    assert_eq!(server.get("keys").await, published);
    assert_eq!(server.call("POST", CREATE, "{}").await.status, 201);
}
