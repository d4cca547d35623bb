//! Which part of a wrong signature differs: what callers get wrong is tried until one of them fits.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use percent_encoding::percent_decode_str;

use super::{
    DEVELOPMENT_KEY,
    authentication::{Received, host_without_port},
    keys::Keys,
};
use acs_identity::signature::{AccessKey, string_to_sign};

/// What differs between what the caller signed and what was received.
#[derive(Debug)]
pub(super) enum Difference {
    /// Signing the parts so would have given the caller's signature.
    Found(Vec<String>),
    /// The signature is no base64 of 32 bytes.
    NotASignature,
    /// What the caller says it signed, which is not what had to be signed.
    Told { signed: String, expected: String },
    /// The caller says it signed the right text, so its key is another.
    Key,
    /// Nothing tried fits: most likely another key. Holds what has to be signed.
    Unknown(String),
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Found(parts) => write!(f, "the signature differs: {}", parts.join("; ")),
            Self::NotASignature => f.write_str("the signature is not base64 of 32 bytes"),
            Self::Told { signed, expected } => {
                write!(f, "the signature differs: the caller signed {signed:?}; to be signed was {expected:?}")
            }
            Self::Key => {
                f.write_str("the access key is not the emulator's: the caller signed the right text with another")
            }
            Self::Unknown(expected) => write!(
                f,
                "the signature fits nothing that was tried: the access key is not the emulator's, \
                 or something else was signed; \
                 to be signed was {expected:?}"
            ),
        }
    }
}

/// One way in which a part may have been signed; no text where it is the right one.
type Variant<T> = (T, Option<String>);

/// Tries what callers are known to get wrong, alone and together.
pub(super) fn diagnose(
    keys: &Keys,
    request: &Received<'_>,
    names: &[&str],
    values: &[&str],
    signature: &str,
) -> Difference {
    if STANDARD.decode(signature).map_or(0, |bytes| bytes.len()) != 32 {
        return Difference::NotASignature;
    }
    let candidates = candidates(keys);
    let targets = targets(request);
    let methods: [Variant<String>; 2] = [
        (request.method.to_owned(), None),
        (request.method.to_ascii_lowercase(), Some("the method was signed in lower case".to_owned())),
    ];
    for (key, key_fault) in &candidates {
        for (values, values_faults) in &joined_values(request, names, values) {
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            for (target, target_fault) in &targets {
                for (method, method_fault) in &methods {
                    if key.verify(&string_to_sign(method, target, &values), signature) {
                        let mut faults = values_faults.clone();
                        faults.extend([key_fault, target_fault, method_fault].into_iter().flatten().cloned());
                        return Difference::Found(faults);
                    }
                }
            }
        }
    }
    let expected = string_to_sign(request.method, request.target, values);
    match told(request) {
        Some(signed) if signed == expected => Difference::Key,
        Some(signed) if keys.good().iter().any(|key| key.verify(&signed, signature)) => {
            Difference::Told { signed, expected }
        }
        _ => Difference::Unknown(expected),
    }
}

/// The Java SDK sends along what it signed.
fn told(request: &Received<'_>) -> Option<String> {
    let header = request.headers.get("x-ms-hmac-string-to-sign-base64")?;
    String::from_utf8(STANDARD.decode(header).ok()?).ok()
}

/// The keys that callers use.
fn candidates(keys: &Keys) -> Vec<Variant<AccessKey>> {
    let as_text = AccessKey::from_base64(&STANDARD.encode(DEVELOPMENT_KEY)).ok();
    let as_text_fault = "the access key was used as text; it has to be decoded from base64 first";
    let good = keys.good().map(|key| (key.clone(), None));
    // The newest first; whoever uses one that is older than these few has long been told.
    let regenerated = keys.regenerated().rev().take(2);
    let regenerated_fault = "the access key was regenerated since; there is a newer one at the control API API";
    good.into_iter()
        .chain(regenerated.map(|key| (key.clone(), Some(regenerated_fault.to_owned()))))
        .chain(as_text.map(|key| (key, Some(as_text_fault.to_owned()))))
        .collect()
}

/// The request target in the ways that callers encode it.
fn targets(request: &Received<'_>) -> Vec<Variant<String>> {
    let sent = request.target;
    let (path, query) = sent.split_once('?').map_or((sent, None), |(path, query)| (path, Some(query)));
    let with_query = |path: &str| query.map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
    // Decoded text may hold a line break, and the log's line is one; what was sent, bytes that are no ASCII.
    let shown = sent.escape_debug();
    let said = |what: &str, text: String| {
        let fault = format!("the path was signed {what} ({}), sent was {shown}", text.escape_debug());
        (text, Some(fault))
    };
    let encoded = path.replace("/:", "/\0").replace(':', "%3A").replace('\0', ":");
    let mut variants = vec![
        said("with ':' decoded", with_query(&path.replace("%3A", ":").replace("%3a", ":"))),
        said("percent-decoded", with_query(&percent_decode_str(path).decode_utf8_lossy())),
        said("with the id's ':' as %3A", with_query(&encoded)),
        said("with every ':' as %3A", with_query(&path.replace(':', "%3A"))),
        said("with %3a in lower case", with_query(&path.replace("%3A", "%3a"))),
        said("without the query", path.to_owned()),
        said("without its first slash", sent.trim_start_matches('/').to_owned()),
        said("with a second slash before it", format!("/{sent}")),
    ];
    for scheme in ["http", "https"] {
        if let Some(host) = request.headers.get("host").and_then(|host| host.to_str().ok()) {
            variants.push(said("as a whole URL", format!("{scheme}://{host}{sent}")));
        }
    }
    if let Some(query) = query {
        let decoded = percent_decode_str(query).decode_utf8_lossy().into_owned();
        let reencoded = percent_encoding::utf8_percent_encode(&decoded, QUERY).to_string();
        for (how, query) in [("decoded", decoded), ("re-encoded", reencoded)] {
            let text = format!("{path}?{query}");
            let fault = format!("the query was signed {how} ({}), sent was {shown}", text.escape_debug());
            variants.push((text, Some(fault)));
        }
    }
    variants.retain(|(text, _)| text != sent);
    variants.insert(0, (sent.to_owned(), None));
    variants
}

/// What URL libraries leave alone in a query's names and values, and the separators between these.
const QUERY: &percent_encoding::AsciiSet =
    &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'=').remove(b'&');

/// The values of the signed headers, in the ways that callers join them.
fn joined_values(request: &Received<'_>, names: &[&str], sent: &[&str]) -> Vec<(Vec<String>, Vec<String>)> {
    let position = |wanted: &str| names.iter().position(|name| name.eq_ignore_ascii_case(wanted));
    let received = position("host").and_then(|at| sent.get(at)).copied().unwrap_or_default();
    let date_at = position("x-ms-date").or_else(|| position("date"));
    let mut dates = vec![(None, None)];
    for other in ["date", "x-ms-date"] {
        if let Some(date) = request.headers.get(other).and_then(|value| value.to_str().ok()) {
            let fault =
                format!("the value of the header {other} was signed ('{date}'), which SignedHeaders does not name");
            dates.push((Some(date), Some(fault)));
        }
    }
    let mut all = Vec::new();
    for (date, date_fault) in dates {
        for (host, host_fault) in hosts(received) {
            let mut values: Vec<String> = sent.iter().map(|&value| value.to_owned()).collect();
            if let Some(at) = position("host") {
                values[at] = host;
            }
            if let (Some(at), Some(date)) = (date_at, date) {
                date.clone_into(&mut values[at]);
            }
            let faults: Vec<String> = [date_fault.clone(), host_fault].into_iter().flatten().collect();
            if let Some(usual) = in_usual_order(names, &values) {
                let order = "the values were joined as date;host;hash, not in the order of SignedHeaders".to_owned();
                all.push((usual, [faults.clone(), vec![order]].concat()));
            }
            all.push((values, faults));
        }
    }
    all.sort_by_key(|(_, faults)| faults.len()); // the plainest explanation first
    all
}

/// The values in the order that the documentation shows, where `SignedHeaders` has another.
fn in_usual_order(names: &[&str], values: &[String]) -> Option<Vec<String>> {
    let rank = |name: &str| match name.to_ascii_lowercase().as_str() {
        "x-ms-date" | "date" => 0,
        "host" => 1,
        "x-ms-content-sha256" => 2,
        _ => 3,
    };
    let mut order: Vec<usize> = (0..names.len()).collect();
    order.sort_by_key(|&at| rank(names[at]));
    let sorted = order.is_sorted();
    (!sorted).then(|| order.into_iter().map(|at| values[at].clone()).collect())
}

/// The host in the ways that callers write it.
fn hosts(received: &str) -> Vec<Variant<String>> {
    let bare = host_without_port(received);
    let port = &received[bare.len()..];
    let mut variants = vec![
        (format!("{received}/"), "with a slash behind it".to_owned()),
        (format!("{bare}/"), "with a slash in place of the port".to_owned()),
        (format!("{received}{port}"), "with the port twice".to_owned()),
        (format!("http://{received}"), "with http:// before it".to_owned()),
        (format!("https://{received}"), "with https:// before it".to_owned()),
        (received.to_ascii_lowercase(), "in lower case".to_owned()),
    ];
    for name in ["localhost", "127.0.0.1", "[::1]"] {
        for port in [port, ""] {
            variants.push((format!("{name}{port}"), "by another name".to_owned()));
        }
    }
    variants.retain(|(host, _)| host != received);
    let said = |(host, how): (String, String)| {
        let fault = format!("the host was signed {how} ('{host}'), the Host header says '{received}'");
        (host, Some(fault))
    };
    std::iter::once((received.to_owned(), None)).chain(variants.into_iter().map(said)).collect()
}
