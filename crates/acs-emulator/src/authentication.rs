//! Authentication of a request: by the HMAC signature over the request as received, or by a bearer token.
//!
//! <https://learn.microsoft.com/azure/communication-services/tutorials/hmac-header-tutorial>

use http::header;
use jiff::{SignedDuration, Timestamp, fmt::rfc2822};

use crate::{
    access_keys::AccessKeys,
    api_error::ApiError,
    diagnosis::{self, WrongSignature},
    managed_identity::{self, BearerError},
    request::{Received, host_without_port},
    tokens::Signer,
};
use acs_identity::signature::{content_hash, string_to_sign};

/// The allowed difference between the date of a request and the clock.
const MAX_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// The reason why authentication failed. It is logged; the answer is the same for all but [`Self::Skew`].
#[derive(Debug, thiserror::Error)]
pub(crate) enum Denial {
    #[error("the Authorization header is missing")]
    NoAuthorization,
    #[error(transparent)]
    Bearer(#[from] BearerError),
    /// Does not quote the header: it may be a token without its scheme.
    #[error("the scheme of the Authorization header is neither HMAC-SHA256 nor Bearer")]
    OtherScheme,
    #[error("the Authorization header is malformed: {0}")]
    Malformed(&'static str),
    #[error("SignedHeaders lacks {0}; it must name x-ms-date (or date), host and x-ms-content-sha256")]
    NotSigned(&'static str),
    #[error("the header {0} is signed, but was not sent exactly once in ASCII")]
    MissingHeader(String),
    #[error("the date '{0}' is not an RFC 9110 date, such as 'Wed, 13 Apr 2022 18:09:12 GMT'")]
    InvalidDate(String),
    #[error(
        "the date is {} seconds {} the emulator's clock; the limit is 300",
        .0.as_secs().abs(),
        if .0.is_negative() { "behind" } else { "ahead of" }
    )]
    Skew(SignedDuration),
    #[error("the body has the hash {actual}, but x-ms-content-sha256 is {claimed}")]
    BodyHash { claimed: String, actual: String },
    #[error(transparent)]
    Signature(#[from] WrongSignature),
}

impl From<&Denial> for ApiError {
    fn from(denial: &Denial) -> Self {
        match denial {
            Denial::Skew(_) => Self::ClockSkew,
            _ => Self::Denied,
        }
    }
}

/// A parsed Authorization header.
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
                _ => return Err(Denial::Malformed("expected only SignedHeaders=…&Signature=… after the scheme")),
            };
            if repeated {
                return Err(Denial::Malformed("it contains SignedHeaders or Signature twice"));
            }
        }
        let names = names.ok_or(Denial::Malformed("SignedHeaders=… is missing"))?;
        let signature = signature.ok_or(Denial::Malformed("Signature=… is missing"))?;
        Ok(Self::Hmac { signed_headers: names.split(';').collect(), signature })
    }
}

/// Authenticates a request.
pub(crate) async fn authenticate(keys: &AccessKeys, signer: &Signer, request: &Received) -> Result<(), Denial> {
    if !request.headers().contains_key(header::AUTHORIZATION) {
        return Err(Denial::NoAuthorization);
    }
    let header = request.header("authorization").ok_or(Denial::Malformed("it was not sent exactly once in ASCII"))?;
    match Authorization::parse(header)? {
        Authorization::Bearer(token) => Ok(managed_identity::check(signer, token, request.secure, request.at).await?),
        Authorization::Hmac { signed_headers, signature } => hmac(keys, request, &signed_headers, signature),
    }
}

fn hmac(keys: &AccessKeys, request: &Received, names: &[&str], signature: &str) -> Result<(), Denial> {
    let is_signed = |wanted: &str| names.iter().any(|name| name.eq_ignore_ascii_case(wanted));
    let date = if !is_signed("x-ms-date") && is_signed("date") { "date" } else { "x-ms-date" };
    let required = [date, "host", "x-ms-content-sha256"];
    if let Some(missing) = required.into_iter().find(|name| !is_signed(name)) {
        return Err(Denial::NotSigned(missing));
    }
    let value = |name: &str| request.header(name).ok_or_else(|| Denial::MissingHeader(name.to_owned()));
    let values = names.iter().map(|name| value(name)).collect::<Result<Vec<_>, _>>()?;

    let skew = skew(value(date)?, request.at)?;
    let (claimed, actual) = (value("x-ms-content-sha256")?, content_hash(&request.body));
    if claimed != actual {
        return Err(Denial::BodyHash { claimed: claimed.to_owned(), actual });
    }
    let fits = |values: &[&str]| {
        let text = string_to_sign(request.parts.method.as_str(), request.target(), values);
        keys.verify(&text, signature)
    };
    // The Java SDK signs the host without its port, but not every HTTP client below it can send it that way.
    let without_port: Vec<&str> = std::iter::zip(names, &values)
        .map(|(name, value)| if name.eq_ignore_ascii_case("host") { host_without_port(value) } else { value })
        .collect();
    if fits(&values) || fits(&without_port) {
        return Ok(());
    }
    Err(diagnosis::diagnose(keys, request, names, &values, signature, skew).into())
}

/// Returns how far the date of a request is ahead of `now`.
fn skew(date: &str, now: Timestamp) -> Result<SignedDuration, Denial> {
    let parsed = rfc2822::DateTimeParser::new().parse_timestamp(date);
    let skew = parsed.map_err(|_| Denial::InvalidDate(date.to_owned()))?.duration_since(now);
    if skew.abs() > MAX_SKEW { Err(Denial::Skew(skew)) } else { Ok(skew) }
}
