//! Who is believed, and what the log says of those who are not.

use std::{
    cell::RefCell,
    io,
    sync::{Arc, Mutex, Once},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::{SignedDuration, Timestamp};

use super::{Bench, Call};

const DENIED: &str = r#"{"error":{"code":"Denied","message":"Denied by the resource provider."}}"#;
pub(super) const TARGET: &str = "/identities?api-version=2026-09-23";

thread_local! {
    static OF_THIS_THREAD: RefCell<Option<Log>> = const { RefCell::new(None) };
}

/// The log of the test's own thread, where its runtime runs the emulator too.
#[derive(Clone, Default)]
pub(super) struct Log(Arc<Mutex<Vec<u8>>>);

/// Ends the capture.
pub(super) struct Captured(());

impl Drop for Captured {
    fn drop(&mut self) {
        OF_THIS_THREAD.set(None);
    }
}

impl Log {
    /// One subscriber for all threads: with one for each, `tracing` may take an event for unwanted for good, where
    /// another thread happens to come by it first.
    pub(super) fn capture() -> (Self, Captured) {
        static SUBSCRIBER: Once = Once::new();
        SUBSCRIBER.call_once(|| {
            let subscriber = tracing_subscriber::fmt()
                .with_ansi(false)
                .with_writer(|| OF_THIS_THREAD.with_borrow(Clone::clone).unwrap_or_default())
                .with_max_level(tracing::Level::WARN);
            tracing::subscriber::set_global_default(subscriber.finish()).unwrap();
        });
        let log = Self::default();
        OF_THIS_THREAD.set(Some(log.clone()));
        (log, Captured(()))
    }

    pub(super) fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Sends a call that must be denied, and finds the reason on the log.
pub(super) async fn assert_denied(bench: &Bench, log: &Log, call: &Call, reason: &str) {
    let answer = bench.send(call).await;
    assert_eq!((answer.status, answer.body.as_str()), (401, DENIED), "{reason}");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("api-supported-versions"), None);
    let text = log.take();
    assert!(text.contains(reason), "'{reason}' is not in the log: {text}");
    assert!(text.contains(" WARN acs_emulator: denied: ") && text.lines().count() == 1, "{text}");
}

#[tokio::test]
async fn every_sdk_is_believed() {
    let bench = Bench::start().await;
    let port = bench.address.port();
    // What is signed and sent as Host: by new SDKs, by JavaScript up to 2.4.0, by Java where its client lets it.
    for host in [format!("127.0.0.1:{port}"), format!("localhost:{port}:{port}"), "localhost".to_owned()] {
        let mut call = bench.bent("POST", TARGET, "{}", |signing| signing.values[1].clone_from(&host));
        call.set("Host", &host);
        assert_eq!(bench.send(&call).await.status, 201, "{host}");
    }
    // Java signs the host alone, and a client beneath it may send the port still.
    let call = bench.bent("POST", TARGET, "{}", |signing| "127.0.0.1".clone_into(&mut signing.values[1]));
    assert_eq!(bench.send(&call).await.status, 201);
    // JavaScript 1.0.0 signed `date`; the order of the headers is the signer's choice.
    let mut call = bench.bent("POST", TARGET, "{}", |signing| signing.names[0] = "date");
    let date = call.headers.iter().find(|(name, _)| name == "x-ms-date").unwrap().1.clone();
    call.remove("x-ms-date");
    call.set("Date", &date);
    assert_eq!(bench.send(&call).await.status, 201);
    let call = bench.bent("POST", TARGET, "{}", |signing| {
        signing.names.swap(0, 1);
        signing.values.swap(0, 1);
    });
    assert_eq!(bench.send(&call).await.status, 201);
}

#[tokio::test]
async fn the_log_says_what_is_wrong_with_a_header() {
    let bench = Bench::start().await;
    let (log, _guard) = Log::capture();
    let good = bench.call("POST", TARGET, "{}");
    let signature = format!("Signature={}", STANDARD.encode([0; 32]));
    for (value, reason) in [
        (None, "the Authorization header is missing"),
        (
            Some("Bearer eyJ0.e30.sig".to_owned()),
            "a bearer token was sent over plain http; use the emulator's https address",
        ),
        (Some("eyJ0.e30.sig".to_owned()), "the scheme of the Authorization header is neither HMAC-SHA256 nor Bearer"),
        (
            Some("HMAC-SHA256 Signature".to_owned()),
            "malformed: expected only SignedHeaders=…&Signature=… after the scheme",
        ),
        (Some(format!("HMAC-SHA256 {signature}")), "malformed: SignedHeaders=… is missing"),
        (Some("HMAC-SHA256 SignedHeaders=x-ms-date;host".to_owned()), "malformed: Signature=… is missing"),
        (
            Some(format!("HMAC-SHA256 {signature}&{signature}")),
            "malformed: it contains SignedHeaders or Signature twice",
        ),
        (
            Some(format!("HMAC-SHA256 SignedHeaders=host;x-ms-content-sha256&{signature}")),
            "SignedHeaders lacks x-ms-date;",
        ),
        (
            Some(format!("HMAC-SHA256 SignedHeaders=x-ms-date;x-ms-content-sha256&{signature}")),
            "SignedHeaders lacks host;",
        ),
        (
            Some(format!("HMAC-SHA256 SignedHeaders=x-ms-date;host&{signature}")),
            "SignedHeaders lacks x-ms-content-sha256;",
        ),
        (
            Some(format!("HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256;x-more&{signature}")),
            "the header x-more is signed, but was not sent exactly once in ASCII",
        ),
        (
            Some("HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=AAAA".to_owned()),
            "the signature is not base64 of 32 bytes",
        ),
    ] {
        let mut call = good.clone();
        call.remove("Authorization");
        if let Some(value) = &value {
            call.set("Authorization", value);
        }
        assert_denied(&bench, &log, &call, reason).await;
    }
    for (header, value, reason) in [
        ("x-ms-date", "yesterday", "the date 'yesterday' is not an RFC 9110 date"),
        (
            "x-ms-content-sha256",
            "abc",
            "the body has the hash RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o=, but x-ms-content-sha256 is abc",
        ),
    ] {
        let mut call = good.clone();
        call.set(header, value);
        assert_denied(&bench, &log, &call, reason).await;
    }
    let mut call = good.clone();
    call.body = "[]".to_owned();
    assert_denied(&bench, &log, &call, "the body has the hash").await;
    let mut call = good;
    call.remove("Host");
    assert_denied(&bench, &log, &call, "the header host is signed, but was not sent").await;
}

/// Signed is one value, and the next reader may take the other.
#[tokio::test]
async fn what_is_signed_is_sent_once() {
    let bench = Bench::start().await;
    let (log, _guard) = Log::capture();
    for (header, reason) in [
        ("authorization", "the Authorization header is malformed: it was not sent exactly once"),
        ("x-ms-date", "the header x-ms-date is signed, but was not sent exactly once"),
        ("host", "the header host is signed, but was not sent exactly once"),
        ("x-ms-content-sha256", "the header x-ms-content-sha256 is signed, but was not sent exactly once"),
    ] {
        let mut call = bench.call("POST", TARGET, "{}");
        let sent = call.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(header)).unwrap().clone();
        call.headers.push(sent);
        assert_denied(&bench, &log, &call, reason).await;
    }
}

#[tokio::test]
async fn clocks_may_differ_by_five_minutes() {
    let bench = Bench::start().await;
    let (log, _guard) = Log::capture();
    let dated = |seconds: i64| {
        let at = Timestamp::now() + SignedDuration::from_secs(seconds);
        let date = at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let mut call = bench.bent("POST", TARGET, "{}", |signing| signing.values[0].clone_from(&date));
        call.set("x-ms-date", &date);
        call
    };
    for seconds in [-290, 290] {
        assert_eq!(bench.send(&dated(seconds)).await.status, 201, "{seconds}");
    }
    let expected = concat!(
        r#"{"error":{"code":"Denied","message":"The given request could not be resolved.\nThe time difference between "#,
        r#"the originating client and the server is greater than the allowed margin of 5 minutes."}}"#
    );
    for (seconds, side) in [(-320, "behind the emulator's clock"), (320, "ahead of the emulator's clock")] {
        let answer = bench.send(&dated(seconds)).await;
        assert_eq!((answer.status, answer.body.as_str()), (401, expected));
        let text = log.take();
        assert!(text.contains(side), "{text}");
    }
}

#[tokio::test]
async fn nobody_learns_anything_before_being_believed() {
    let bench = Bench::start().await;
    let (log, _guard) = Log::capture();
    for (method, target) in [("GET", "/nowhere"), ("PUT", "/identities"), ("POST", "/identities?api-version=1")] {
        let mut call = bench.call(method, target, "not json");
        call.remove("Authorization");
        assert_denied(&bench, &log, &call, "the Authorization header is missing").await;
    }
}
