//! What the log says of a wrong signature: the string that was expected, and what the caller signed.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    Bench, Signing,
    authentication::{Log, TARGET, assert_denied},
};

/// What a caller gets wrong.
type Bend = fn(&mut Signing);

#[tokio::test]
async fn the_log_shows_the_string_that_was_expected() {
    let bench = Bench::start().await;
    let (log, _guard) = Log::capture();
    let cases: [Bend; 3] = [
        |signing| signing.key.push(0),
        |signing| signing.method.make_ascii_lowercase(),
        |signing| signing.values[1].push('/'),
    ];
    for bend in cases {
        let mut expected = String::new();
        let call = bench.bent("POST", TARGET, "{}", |signing| {
            let [date, host, hash] = &signing.values[..] else { panic!("three headers are signed") };
            let string = signing.text();
            expected = format!(
                "the signature differs: the access key is not the emulator's, or another string was signed; \
                 expected the string {string:?}, of the headers x-ms-date: {date:?}, host: {host:?}, \
                 x-ms-content-sha256: {hash:?}; the caller's clock is "
            );
            bend(signing);
        });
        assert_denied(&bench, &log, &call, &expected).await;
    }
}

#[tokio::test]
async fn the_log_shows_the_string_that_was_signed_beside_it() {
    let bench = Bench::start().await;
    let (log, _guard) = Log::capture();
    let call =
        bench.bent("POST", "/identities/8%3Aa%0Ab", "{}", |signing| signing.target = "/identities/8:a\nb".into());
    let reason = r#"the signature differs: expected the string "POST\n/identities/8%3Aa%0Ab\n"#;
    assert_denied(&bench, &log, &call, reason).await;
    assert_denied(&bench, &log, &call, r#", but "POST\n/identities/8:a\nb\n"#).await;
}

#[tokio::test]
async fn the_log_uses_what_java_says_it_signed() {
    let bench = Bench::start().await;
    let (log, _guard) = Log::capture();
    for (bend, reason) in [
        ((|signing| signing.separator = ",") as Bend, r#", but "POST\n/identities?api-version=2026-09-23\n"#),
        (
            |signing| signing.key.push(0),
            "the access key is not the emulator's: the caller signed the right string with another key",
        ),
    ] {
        let mut text = String::new();
        let mut call = bench.bent("POST", TARGET, "{}", |signing| {
            bend(signing);
            text = signing.text();
        });
        call.set("x-ms-hmac-string-to-sign-base64", &STANDARD.encode(text));
        assert_denied(&bench, &log, &call, reason).await;
    }
}
