//! The log event of a wrong signature: the expected string, and what the caller signed.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{CREATE, Server, Signing, authentication::assert_denied};
use crate::harness::log::Log;

/// A mistake of a caller.
type Mistake = fn(&mut Signing);

#[tokio::test]
async fn the_log_has_the_expected_string() {
    let server = Server::start().await;
    let (log, _guard) = Log::capture();
    let mistakes: [Mistake; 3] = [
        |signing| signing.key.push(0),
        |signing| signing.method.make_ascii_lowercase(),
        |signing| signing.values[1].push('/'),
    ];
    for mistake in mistakes {
        let mut expected = String::new();
        let request = server.signed("POST", CREATE, "{}", |signing| {
            let [date, host, hash] = &signing.values[..] else { panic!("three headers are signed") };
            let string = signing.text();
            expected = format!(
                "the signature differs: the access key is not the emulator's, or another string was signed; \
                 expected the string {string:?}, of the headers x-ms-date: {date:?}, host: {host:?}, \
                 x-ms-content-sha256: {hash:?}; the caller's clock is "
            );
            mistake(signing);
        });
        assert_denied(&server, &log, &request, &expected).await;
    }
}

#[tokio::test]
async fn the_log_has_the_signed_string_if_the_path_was_decoded() {
    let server = Server::start().await;
    let (log, _guard) = Log::capture();
    let sent = "/identities/8%3Aa%0Ab";
    let request = server.signed("POST", sent, "{}", |signing| signing.target = "/identities/8:a\nb".into());
    let expected = r#"the signature differs: expected the string "POST\n/identities/8%3Aa%0Ab\n"#;
    assert_denied(&server, &log, &request, expected).await;
    assert_denied(&server, &log, &request, r#", but "POST\n/identities/8:a\nb\n"#).await;
}

#[tokio::test]
async fn the_log_has_the_string_that_the_java_sdk_states() {
    let server = Server::start().await;
    let (log, _guard) = Log::capture();
    for (mistake, reason) in [
        ((|signing| signing.separator = ",") as Mistake, r#", but "POST\n/identities?api-version=2026-09-23\n"#),
        (
            |signing| signing.key.push(0),
            "the access key is not the emulator's: the caller signed the right string with another key",
        ),
    ] {
        let mut text = String::new();
        let mut request = server.signed("POST", CREATE, "{}", |signing| {
            mistake(signing);
            text = signing.text();
        });
        request.set("x-ms-hmac-string-to-sign-base64", &STANDARD.encode(text));
        assert_denied(&server, &log, &request, reason).await;
    }
}
