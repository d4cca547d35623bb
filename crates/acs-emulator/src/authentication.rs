//! Who is calling: the check of the HMAC signature, over the request exactly as it was received, or of a bearer token.
//!
//! <https://learn.microsoft.com/azure/communication-services/tutorials/hmac-header-tutorial>

use std::fmt;

use http::HeaderMap;
use jiff::{SignedDuration, Timestamp, fmt::rfc2822};

use super::{
    api_error::ApiError,
    diagnosis::{self, WrongSignature},
    jwt::Signer,
    keys::Keys,
    managed_identity::{self, BearerFault},
};
use acs_identity::signature::{content_hash, string_to_sign};

/// How far the caller's clock may be off, either way.
const MARGIN: SignedDuration = SignedDuration::from_mins(5);

/// A request as received: nothing decoded, nothing normalised.
pub(super) struct Received<'a> {
    pub(super) method: &'a str,
    /// Path and query as they stand in the request line.
    pub(super) target: &'a str,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a [u8],
    /// Whether it came over https.
    pub(super) secure: bool,
    pub(super) at: Timestamp,
}

/// Why a caller is not believed. Its text is for the emulator's log; on the wire all but one look the same.
#[derive(Debug)]
pub(super) enum Denial {
    NoAuthorization,
    Bearer(BearerFault),
    OtherScheme,
    Malformed(&'static str),
    NotSigned(&'static str),
    MissingHeader(String),
    UnreadableDate(String),
    Skew(SignedDuration),
    BodyHash { claimed: String, actual: String },
    Signature(WrongSignature),
}

impl From<&Denial> for ApiError {
    fn from(denial: &Denial) -> Self {
        match denial {
            Denial::Skew(_) => Self::ClockSkew,
            _ => Self::Denied,
        }
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAuthorization => f.write_str("the Authorization header is missing"),
            Self::Bearer(fault) => fault.fmt(f),
            // What stands there is not repeated: it may be a token whose scheme was forgotten.
            Self::OtherScheme => f.write_str("the Authorization scheme is neither HMAC-SHA256 nor Bearer"),
            Self::Malformed(what) => write!(f, "the Authorization header is malformed: {what}"),
            Self::NotSigned(header) => write!(
                f,
                "SignedHeaders lacks {header}; it must name x-ms-date (or date), host and x-ms-content-sha256"
            ),
            Self::MissingHeader(name) => write!(f, "the header {name} is signed, but was not sent once and in ASCII"),
            Self::UnreadableDate(text) => {
                write!(f, "the date '{text}' is not one of RFC 9110, such as 'Wed, 13 Apr 2022 18:09:12 GMT'")
            }
            Self::Skew(by) => write!(
                f,
                "the date is {} seconds {} the emulator's clock; 300 are allowed",
                by.as_secs().abs(),
                if by.is_negative() { "behind" } else { "ahead of" }
            ),
            Self::BodyHash { claimed, actual } => write!(
                f,
                "the body differs from what was hashed: x-ms-content-sha256 says {claimed}, \
                 the body received has {actual}"
            ),
            Self::Signature(fault) => fault.fmt(f),
        }
    }
}

/// What the Authorization header holds.
enum Authorization<'a> {
    Bearer(&'a str),
    Hmac { signed_headers: Vec<&'a str>, signature: &'a str },
}

impl<'a> Authorization<'a> {
    fn parse(header: &'a str) -> Result<Self, Denial> {
        let (scheme, rest) = header.split_once(' ').unwrap_or((header, ""));
        if scheme.eq_ignore_ascii_case("Bearer") {
            return Ok(Self::Bearer(rest.trim()));
        }
        if !scheme.eq_ignore_ascii_case("HMAC-SHA256") {
            return Err(Denial::OtherScheme);
        }
        let (mut names, mut signature) = (None, None);
        for part in rest.trim().split('&') {
            let repeated = match part.split_once('=') {
                Some(("SignedHeaders", value)) => names.replace(value).is_some(),
                Some(("Signature", value)) => signature.replace(value).is_some(),
                _ => return Err(Denial::Malformed("after the scheme come SignedHeaders=…&Signature=… alone")),
            };
            if repeated {
                return Err(Denial::Malformed("a part of it stands there twice"));
            }
        }
        let names = names.ok_or(Denial::Malformed("SignedHeaders=… is missing"))?;
        let signature = signature.ok_or(Denial::Malformed("Signature=… is missing"))?;
        Ok(Self::Hmac { signed_headers: names.split(';').collect(), signature })
    }
}

/// Believes the caller or says why not.
pub(super) async fn authenticate(keys: &Keys, signer: &Signer, request: &Received<'_>) -> Result<(), Denial> {
    let header = request.headers.get(http::header::AUTHORIZATION).ok_or(Denial::NoAuthorization)?;
    let header = header.to_str().map_err(|_| Denial::Malformed("it is not ASCII"))?;
    if request.headers.get_all(http::header::AUTHORIZATION).iter().count() > 1 {
        return Err(Denial::Malformed("it was sent twice"));
    }
    match Authorization::parse(header)? {
        Authorization::Bearer(token) => {
            managed_identity::check(signer, token, request.secure, request.at).await.map_err(Denial::Bearer)
        }
        Authorization::Hmac { signed_headers, signature } => hmac(keys, request, &signed_headers, signature),
    }
}

fn hmac(keys: &Keys, request: &Received<'_>, names: &[&str], signature: &str) -> Result<(), Denial> {
    let names_header = |wanted: &str| names.iter().find(|name| name.eq_ignore_ascii_case(wanted)).copied();
    let date_name = names_header("x-ms-date").or_else(|| names_header("date")).ok_or(Denial::NotSigned("x-ms-date"))?;
    names_header("host").ok_or(Denial::NotSigned("host"))?;
    names_header("x-ms-content-sha256").ok_or(Denial::NotSigned("x-ms-content-sha256"))?;
    let values = names.iter().map(|name| request.value(name)).collect::<Result<Vec<_>, _>>()?;

    let skew = check_date(request.value(date_name)?, request.at)?;
    let (claimed, actual) = (request.value("x-ms-content-sha256")?, content_hash(request.body));
    if claimed != actual {
        return Err(Denial::BodyHash { claimed: claimed.to_owned(), actual });
    }
    let fits = |values: &[&str]| {
        let text = string_to_sign(request.method, request.target, values);
        keys.good().iter().any(|key| key.verify(&text, signature))
    };
    // The Java SDK signs the host without its port, and not every HTTP client beneath it can send it so.
    let without_port: Vec<&str> = names
        .iter()
        .zip(&values)
        .map(|(name, value)| if name.eq_ignore_ascii_case("host") { host_without_port(value) } else { value })
        .collect();
    if fits(&values) || fits(&without_port) {
        return Ok(());
    }
    Err(Denial::Signature(diagnosis::diagnose(keys, request, names, &values, signature, skew)))
}

impl<'a> Received<'a> {
    /// A header's one value: of two, the one signed need not be the one that the next reader takes.
    fn value(&self, name: &str) -> Result<&'a str, Denial> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next().filter(|_| values.next().is_none()).and_then(|value| value.to_str().ok());
        value.ok_or_else(|| Denial::MissingHeader(name.to_owned()))
    }
}

/// The host alone. Older JavaScript SDKs send the port twice, `localhost:7072:7072`; both are taken off.
pub(super) fn host_without_port(host: &str) -> &str {
    let from = host.rfind(']').unwrap_or(0); // the colons of an IPv6 address stand before it
    host[from..].find(':').map_or(host, |at| &host[..from + at])
}

/// How far the caller's clock is ahead of ours.
fn check_date(text: &str, now: Timestamp) -> Result<SignedDuration, Denial> {
    let date =
        rfc2822::DateTimeParser::new().parse_timestamp(text).map_err(|_| Denial::UnreadableDate(text.to_owned()))?;
    let skew = date.duration_since(now);
    if skew.abs() > MARGIN { Err(Denial::Skew(skew)) } else { Ok(skew) }
}
