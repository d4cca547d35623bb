//! Any request as input of the emulator's authentication: only correctly signed requests are accepted, and a denial is
//! one line without the key.
//!
//! An input is written like HTTP: `POST /target`, headers, an empty line, the body. A fuzzer cannot guess signatures, so
//! an input has placeholders: `{date}`, `{hash}`, `{signature}`, and `{signature-decoded}` for a signature over the
//! percent-decoded target, which some clients send.

#![no_main]

use acs_identity::signature::{AccessKey, content_hash, http_date, string_to_sign};
use acs_tokens::emulator::{DEVELOPMENT_KEY, fuzzing};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, uri::PathAndQuery};
use jiff::{SignedDuration, Timestamp};
use libfuzzer_sys::{Corpus, fuzz_target};
use percent_encoding::percent_decode_str;

thread_local! {
    static RUNTIME: tokio::runtime::Runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
}

fuzz_target!(|text: &str| -> Corpus { check(text).map_or(Corpus::Reject, |()| Corpus::Keep) });

fn check(text: &str) -> Option<()> {
    let key = AccessKey::from_base64(DEVELOPMENT_KEY).unwrap();
    let at: Timestamp = "2022-04-13T18:09:12Z".parse().unwrap();
    let Request { method, target, headers, body } = Request::read(text, &key, at)?;
    let target = target.as_str();
    let authenticate = |target: &str, body: &[u8], at| {
        let mut request = http::Request::new(body.to_vec().into());
        *request.method_mut() = method.clone();
        *request.uri_mut() = target.parse().map_err(|_| "not a target".to_owned())?;
        *request.headers_mut() = headers.clone();
        RUNTIME.with(|runtime| runtime.block_on(fuzzing::authenticate(request, at)))
    };
    let found = authenticate(target, body, at);
    let correct = is_correctly_signed(&key, method.as_str(), target, &headers, body);
    match found {
        Ok(()) => {
            assert!(correct, "accepted {headers:?}");
            assert!(authenticate(target, &[body, b"x"].concat(), at).is_err(), "accepted another body");
            assert!(authenticate(&format!("{target}x"), body, at).is_err(), "accepted another target");
            assert!(
                authenticate(target, body, at + SignedDuration::from_mins(11)).is_err(),
                "accepted an expired date"
            );
        }
        Err(denial) => {
            let date = http_date(at);
            let dated = ["x-ms-date", "date"].iter().all(|name| headers.get(*name).is_none_or(|value| *value == *date));
            assert!(!(correct && dated), "denied {headers:?}: {denial}");
            assert!(!denial.contains(DEVELOPMENT_KEY), "the denial contains the key: {denial}");
            assert!(
                !denial.contains(|c: char| c.is_control() && c != '\t'),
                "the denial contains control characters: {denial:?}"
            );
        }
    }
    Some(())
}

struct Request<'a> {
    method: Method,
    target: PathAndQuery,
    headers: HeaderMap,
    body: &'a [u8],
}

impl<'a> Request<'a> {
    /// Parses an input and replaces its placeholders. Returns `None` if an HTTP server would reject it earlier.
    fn read(text: &'a str, key: &AccessKey, at: Timestamp) -> Option<Self> {
        let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
        let mut lines = head.lines();
        let (method, target) = lines.next()?.split_once(' ')?;
        let method: Method = method.parse().ok()?;
        let target = target.parse::<Uri>().ok()?.into_parts().path_and_query?;
        let mut headers = HeaderMap::new();
        for line in lines {
            let (name, value) = line.split_once(": ")?;
            let value = value.replace("{date}", &http_date(at)).replace("{hash}", &content_hash(body.as_bytes()));
            headers.append(HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?);
        }
        let value = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let sent = value("authorization");
        let names =
            sent.split_once("SignedHeaders=").map_or("", |(_, rest)| rest.split('&').next().unwrap_or_default());
        let values: Vec<&str> = names.split(';').map(value).collect();
        let sign = |target: &str| key.sign(&string_to_sign(method.as_str(), target, &values));
        let signed = sent
            .replace("{signature}", &sign(target.as_str()))
            .replace("{signature-decoded}", &sign(&percent_decode_str(target.as_str()).decode_utf8_lossy()));
        // Replaces placeholders in the first `Authorization` header only.
        if let Some(first) = headers.get_mut("authorization").filter(|value| value.to_str().is_ok()) {
            *first = HeaderValue::try_from(signed).ok()?;
        }
        Some(Self { method, target, headers, body: body.as_bytes() })
    }
}

/// Returns whether everything except the date is correct according to the documentation.
///
/// <https://learn.microsoft.com/azure/communication-services/tutorials/hmac-header-tutorial>
fn is_correctly_signed(key: &AccessKey, method: &str, target: &str, headers: &HeaderMap, body: &[u8]) -> bool {
    let once = |name: &str| {
        let mut values = headers.get_all(name).iter();
        values.next().filter(|_| values.next().is_none())?.to_str().ok()
    };
    let Some((names, signature)) = once("authorization").and_then(parts) else { return false };
    let Some(values) = names.iter().map(|name| once(name)).collect::<Option<Vec<_>>>() else { return false };
    let named = |wanted: &str| names.iter().any(|name| name.eq_ignore_ascii_case(wanted));
    let without_port: Vec<&str> = std::iter::zip(&names, &values)
        .map(|(name, value)| if name.eq_ignore_ascii_case("host") { before_port(value) } else { value })
        .collect();
    (named("x-ms-date") || named("date"))
        && named("host")
        && named("x-ms-content-sha256")
        && once("x-ms-content-sha256") == Some(&content_hash(body))
        && [values, without_port].iter().any(|values| key.sign(&string_to_sign(method, target, values)) == signature)
}

/// Returns the header names and the signature. The two parts may come in either order.
fn parts(header: &str) -> Option<(Vec<&str>, &str)> {
    let (scheme, rest) = header.split_at_checked("HMAC-SHA256".len())?;
    let (one, other) = rest.strip_prefix(' ')?.trim().split_once('&')?;
    let (names, signature) = if one.starts_with("Signature=") { (other, one) } else { (one, other) };
    let (names, signature) = (names.strip_prefix("SignedHeaders=")?, signature.strip_prefix("Signature=")?);
    scheme.eq_ignore_ascii_case("HMAC-SHA256").then(|| (names.split(';').collect(), signature))
}

fn before_port(host: &str) -> &str {
    match host.rsplit_once(']') {
        Some((address, port)) => &host[..address.len() + 1 + port.find(':').unwrap_or(port.len())],
        None => host.split(':').next().unwrap_or_default(),
    }
}
