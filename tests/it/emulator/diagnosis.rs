//! What the log says of a wrong signature: the part that differs.

use acs_tokens::emulator::DEVELOPMENT_KEY;
use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    Bench, Signing,
    authentication::{Log, TARGET, assert_denied},
};

/// What a caller gets wrong.
type Bend = fn(&mut Signing);

/// Signs something else than it sends, and finds on the log what differs.
async fn assert_diagnosed(bench: &Bench, log: &Log, target: &str, reason: &str, bend: impl FnOnce(&mut Signing)) {
    assert_denied(bench, log, &bench.bent("POST", target, "{}", bend), reason).await;
}

#[tokio::test]
async fn the_log_says_how_the_host_differs() {
    let bench = Bench::start().await;
    let (log, _guard) = Log::capture();
    let host = bench.address.to_string();
    let port = bench.address.port();
    for (signed, how) in [
        (format!("{host}/"), "with a slash behind it"),
        ("127.0.0.1/".to_owned(), "with a slash in place of the port"),
        (format!("{host}:{port}"), "with the port twice"),
        (format!("http://{host}"), "with http:// before it"),
        (format!("https://{host}"), "with https:// before it"),
        (format!("localhost:{port}"), "by another name"),
        ("localhost".to_owned(), "by another name"),
    ] {
        let reason = format!(
            "the signature differs: the host was signed {how} ('{signed}'), the Host header says '{host}' method="
        );
        assert_diagnosed(&bench, &log, TARGET, &reason, |signing| signing.values[1] = signed).await;
    }
}

#[tokio::test]
async fn the_log_says_how_the_target_differs() {
    let bench = Bench::start().await;
    let (log, _guard) = Log::capture();
    let host = bench.address.to_string();
    for (sent, signed, part, how) in [
        ("/identities/8%3Aa_b", "/identities/8:a_b", "path", "with ':' decoded"),
        ("/identities/8%5Fa", "/identities/8_a", "path", "percent-decoded"),
        ("/identities/8%0Aa", "/identities/8\na", "path", "percent-decoded"),
        ("/identities/8:a/:revoke?x=y", "/identities/8%3Aa/:revoke?x=y", "path", "with the id's ':' as %3A"),
        ("/identities/8:a/:revoke", "/identities/8%3Aa/%3Arevoke", "path", "with every ':' as %3A"),
        ("/identities/8%3Aa", "/identities/8%3aa", "path", "with %3a in lower case"),
        (TARGET, "/identities", "path", "without the query"),
        (TARGET, &TARGET[1..], "path", "without its first slash"),
        (TARGET, &format!("/{TARGET}"), "path", "with a second slash before it"),
        (TARGET, &format!("http://{host}{TARGET}"), "path", "as a whole URL"),
        ("/identities?api-version=a%2Db", "/identities?api-version=a-b", "query", "decoded"),
        ("/identities?api-version=a:b", "/identities?api-version=a%3Ab", "query", "re-encoded"),
    ] {
        let shown = signed.escape_debug();
        let reason = format!("the signature differs: the {part} was signed {how} ({shown}), sent was {sent} method=");
        assert_diagnosed(&bench, &log, sent, &reason, |signing| signed.clone_into(&mut signing.target)).await;
    }
}

#[tokio::test]
async fn the_log_says_what_else_differs() {
    let bench = Bench::start().await;
    let (log, _guard) = Log::capture();
    let cases: [(&str, Bend); 5] = [
        ("differs: the method was signed in lower case", |signing| signing.method.make_ascii_lowercase()),
        ("differs: the values were joined as date;host;hash, not in the order of SignedHeaders", |signing| {
            signing.names.swap(0, 2);
        }),
        ("differs: the access key was used as text; it has to be decoded from base64 first", |signing| {
            signing.key = DEVELOPMENT_KEY.into();
        }),
        (
            "fits nothing that was tried: the access key is not the emulator's, or something else was signed; \
             to be signed was \"POST\\n/identities?api-version=2026-09-23\\n",
            |signing| signing.key.push(0),
        ),
        ("fits nothing that was tried", |signing| signing.separator = "\n"),
    ];
    for (reason, bend) in cases {
        assert_diagnosed(&bench, &log, TARGET, reason, bend).await;
    }
    let reason = "'), the Host header says '127.0.0.1:";
    let both = "'; the path was signed without the query (/identities), sent was";
    for reason in [reason, both] {
        assert_diagnosed(&bench, &log, TARGET, reason, |signing| {
            signing.values[1].push('/');
            "/identities".clone_into(&mut signing.target);
        })
        .await;
    }
    // The header `date`, which proxies add and change, is not the one that SignedHeaders names.
    let mut call =
        bench.bent("POST", TARGET, "{}", |signing| "Wed, 13 Apr 2022 18:09:12 GMT".clone_into(&mut signing.values[0]));
    call.set("Date", "Wed, 13 Apr 2022 18:09:12 GMT");
    let reason =
        "the value of the header date was signed ('Wed, 13 Apr 2022 18:09:12 GMT'), which SignedHeaders does not name";
    assert_denied(&bench, &log, &call, reason).await;
}

#[tokio::test]
async fn the_log_uses_what_java_says_it_signed() {
    let bench = Bench::start().await;
    let (log, _guard) = Log::capture();
    for (bend, reason) in [
        (
            (|signing| signing.separator = ",") as Bend,
            r#"the caller signed "POST\n/identities?api-version=2026-09-23\n"#,
        ),
        (
            |signing| signing.key.push(0),
            "the access key is not the emulator's: the caller signed the right text with another",
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
