//! Extractors whose rejections are problems: wrong input ends here, before anything is done.

pub mod fields;

use std::time::Duration;

use acs_identity::types::IdentityId;
use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, RawPathParams, Request},
};
use fields::Fields;
use http::{HeaderMap, header, request::Parts};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use crate::problem::{Kind, Problem};

/// The longest body let in, in bytes. The longest one that makes sense, a Teams exchange, has about 4 KiB.
pub const MAX_BODY: usize = 16 * 1024;

/// The time a body may take to arrive.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// The identity that the path names.
#[derive(Debug, Clone)]
pub struct Path(pub IdentityId);

impl<S: Send + Sync> FromRequestParts<S> for Path {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let params = RawPathParams::from_request_parts(parts, state).await;
        // Percent-decoded already.
        let id = params.iter().flatten().find(|(name, _)| *name == "id").and_then(|(_, id)| id.parse().ok());
        id.map(Self).ok_or_else(|| {
            Problem::new(
                Kind::InvalidIdentityId,
                "The path holds no ACS identity id. One looks like 8:acs:<resource guid>_<user guid>.",
            )
        })
    }
}

/// A request that is read from the fields of a JSON object.
pub trait FromFields: Sized {
    /// Whether a request without a body is as good as one with `{}`.
    const BODY_OPTIONAL: bool = false;

    /// Takes the fields it knows; what is wrong, and what is left, is collected in `fields`.
    fn from_fields(fields: &mut Fields) -> Option<Self>;
}

/// The JSON body, read field by field.
#[derive(Debug, Clone)]
pub struct Json<T>(pub T);

impl<S: Sync, T: FromFields> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let body = match tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, MAX_BODY).collect()).await {
            Ok(Ok(body)) => body.to_bytes(),
            Err(_) => {
                return Err(Problem::new(Kind::BodyTimeout, "The body did not arrive within 10 s. Send it again."));
            }
            Ok(Err(error)) if error.is::<LengthLimitError>() => {
                return Err(Problem::new(Kind::BodyTooLarge, "The body is over 16 KiB. No request needs that much."));
            }
            Ok(Err(error)) => {
                let detail = "The body did not arrive whole.";
                return Err(Problem::new(Kind::MalformedJson, detail).with_cause(error.to_string()));
            }
        };
        let body = if body.is_empty() && T::BODY_OPTIONAL {
            Bytes::from_static(b"{}")
        } else if body.is_empty() {
            // A forwarding Functions host passes no body on unless the request had a Content-Length.
            let detail = "Send a JSON object, and with it its Content-Length; {} where nothing is to be said.";
            return Err(Problem::new(Kind::EmptyBody, detail));
        } else {
            check_media_type(&parts.headers, &body)?;
            body
        };
        let mut fields = Fields::parse(&body)?.with_context(parts.extensions);
        let parsed = T::from_fields(&mut fields);
        fields.finish(parsed).map(Self)
    }
}

fn check_media_type(headers: &HeaderMap, body: &[u8]) -> Result<(), Problem> {
    let value = |name| headers.get(name).map_or(Some(""), |value: &http::HeaderValue| value.to_str().ok());
    let unsupported = |detail: &str| Err(Problem::new(Kind::UnsupportedMediaType, detail));
    // gzip's first bytes (RFC 1952): a forwarding Functions host drops Content-Encoding and leaves the encoded body.
    let encoded = !matches!(value(header::CONTENT_ENCODING), Some("" | "identity")) || body.starts_with(&[0x1f, 0x8b]);
    if encoded {
        return unsupported("The body is compressed. Send it as it is, without Content-Encoding.");
    }
    let media_type = value(header::CONTENT_TYPE).unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if media_type.eq_ignore_ascii_case("application/json") {
        Ok(())
    } else {
        unsupported("Send the body with Content-Type: application/json.")
    }
}

/// How a token shall be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenFormat {
    /// A JSON object.
    Json,
    /// The bare token, for SDKs whose token refresher wants a string.
    Text,
}

impl<S: Sync> FromRequestParts<S> for TokenFormat {
    type Rejection = std::convert::Infallible;

    /// Text where `Accept` prefers `text/plain` to JSON (RFC 9110 section 12.5.1), else JSON.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let accept: Vec<&str> = parts.headers.get_all(header::ACCEPT).iter().filter_map(|v| v.to_str().ok()).collect();
        let accept = accept.join(",");
        let text = weight(&accept, ["text/plain", "text/*", "*/*"]);
        let json = weight(&accept, ["application/json", "application/*", "*/*"]);
        Ok(if text > json { Self::Text } else { Self::Json })
    }
}

/// The weight that an `Accept` value gives to a media type: that of the first of these ranges, the most specific one
/// ahead, that stands in it. An item with a weight that is none counts for nothing.
fn weight(accept: &str, ranges: [&str; 3]) -> f32 {
    let of = |wanted: &str| {
        let weights = accept.split(',').filter_map(|item| {
            let mut parts = item.split(';').map(str::trim);
            let fits = parts.next()?.eq_ignore_ascii_case(wanted);
            let q = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
            let q = q.map_or(Some(1.0), |q| q.parse::<f32>().ok()).filter(|q| (0.0..=1.0).contains(q))?;
            fits.then_some(q)
        });
        weights.reduce(f32::max)
    };
    ranges.into_iter().find_map(of).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn text_only_where_it_is_preferred() {
        for (accept, format) in [
            (None, TokenFormat::Json),
            (Some("*/*"), TokenFormat::Json),
            (Some("application/json"), TokenFormat::Json),
            (Some("text/plain"), TokenFormat::Text),
            (Some("Text/Plain; charset=utf-8"), TokenFormat::Text),
            (Some("text/plain, */*;q=0.1"), TokenFormat::Text),
            (Some("application/json, text/plain, */*"), TokenFormat::Json),
            (Some("text/plain;q=0.5, application/json"), TokenFormat::Json),
            (Some("application/json;q=0.1, text/plain;q=0.5, */*"), TokenFormat::Text),
            (Some("text/plain;Q=0.1, */*;q=0.5"), TokenFormat::Json),
            (Some("text/plain;q=7, */*;q=0.5"), TokenFormat::Json),
            (Some("text/plain;q=nan"), TokenFormat::Json),
            (Some("text/*"), TokenFormat::Text),
            (Some("text/html"), TokenFormat::Json),
        ] {
            let mut request = http::Request::builder();
            if let Some(accept) = accept {
                request = request.header(header::ACCEPT, accept);
            }
            let (mut parts, ()) = request.body(()).unwrap().into_parts();
            let Ok(found) = TokenFormat::from_request_parts(&mut parts, &()).await;
            assert_eq!(found, format, "{accept:?}");
        }
    }
}
