//! Extractors. Their rejections are problems, so invalid input is refused before a handler runs.

pub mod fields;

use std::time::Duration;

use acs_identity::IdentityId;
use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, FromRequestParts, RawPathParams, Request},
};
use fields::Fields;
use http::{HeaderMap, header, request::Parts};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use crate::{
    problem::{Kind, Problem},
    request_log,
};

/// The longest accepted body, in bytes. The longest valid one, a Teams exchange, has about 4 KiB.
pub const MAX_BODY: usize = 16 * 1024;

/// The time a body may take to arrive.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// The identity in the path.
#[derive(Debug, Clone)]
pub struct Path(pub IdentityId);

impl<S: Send + Sync> FromRequestParts<S> for Path {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        // The parameters are percent-decoded.
        let params = RawPathParams::from_request_parts(parts, state).await;
        let id = params.iter().flatten().find(|(name, _)| *name == "id").and_then(|(_, id)| id.parse().ok());
        let id: IdentityId = id.ok_or_else(|| {
            let detail = "The path has no valid ACS identity id, such as 8:acs:<resource guid>_<user guid>.";
            Problem::new(Kind::InvalidIdentityId, detail)
        })?;
        request_log::record(|log| log.set_identity(id.as_str()));
        Ok(Self(id))
    }
}

/// A request that is read from the fields of a JSON object.
pub trait FromFields: Sized {
    /// Whether an empty body is accepted, as `{}`.
    const BODY_OPTIONAL: bool = false;

    /// Takes the fields of the request. Errors are collected in `fields`.
    fn from_fields(fields: &mut Fields) -> Option<Self>;
}

/// The JSON body.
#[derive(Debug, Clone)]
pub struct Json<T>(pub T);

impl<S: Sync, T: FromFields> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let body = read(body).await?;
        let body = if !body.is_empty() {
            check_media_type(&parts.headers, &body)?;
            body
        } else if T::BODY_OPTIONAL {
            Bytes::from_static(b"{}")
        } else {
            // A forwarding Functions host drops the body of a request without Content-Length.
            let detail = "Send a JSON object, {} at least, and its Content-Length.";
            return Err(Problem::new(Kind::EmptyBody, detail));
        };
        let mut fields = Fields::parse(&body)?.with_context(parts.extensions);
        let parsed = T::from_fields(&mut fields);
        fields.finish(parsed).map(Self)
    }
}

async fn read(body: Body) -> Result<Bytes, Problem> {
    match tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, MAX_BODY).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Err(_) => Err(Problem::new(Kind::BodyTimeout, "The body did not arrive within 10 s. Send it again.")),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            Err(Problem::new(Kind::BodyTooLarge, "The body is larger than 16 KiB."))
        }
        Ok(Err(error)) => {
            Err(Problem::new(Kind::MalformedJson, "The body is incomplete.").with_cause(error.to_string()))
        }
    }
}

fn check_media_type(headers: &HeaderMap, body: &[u8]) -> Result<(), Problem> {
    let value = |name| headers.get(name).map_or(Some(""), |value: &http::HeaderValue| value.to_str().ok());
    // A forwarding Functions host drops Content-Encoding, so look for the first bytes of gzip (RFC 1952), too.
    let compressed =
        !matches!(value(header::CONTENT_ENCODING), Some("" | "identity")) || body.starts_with(&[0x1f, 0x8b]);
    let media_type = value(header::CONTENT_TYPE).unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let detail = match media_type.eq_ignore_ascii_case("application/json") {
        _ if compressed => "The body is compressed. Send it without Content-Encoding.",
        false => "Send the body with Content-Type: application/json.",
        true => return Ok(()),
    };
    Err(Problem::new(Kind::UnsupportedMediaType, detail))
}

/// The format of a token in the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenFormat {
    /// A JSON object.
    Json,
    /// The bare token, for SDKs whose token refresher expects a string.
    Text,
}

impl<S: Sync> FromRequestParts<S> for TokenFormat {
    type Rejection = std::convert::Infallible;

    /// Returns text if `Accept` prefers `text/plain` to JSON (RFC 9110 section 12.5.1).
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        if !parts.headers.contains_key(header::ACCEPT) {
            return Ok(Self::Json);
        }
        let accept: Vec<&str> = parts.headers.get_all(header::ACCEPT).iter().filter_map(|v| v.to_str().ok()).collect();
        let accept = accept.join(",");
        let text = weight(&accept, ["text/plain", "text/*", "*/*"]);
        let json = weight(&accept, ["application/json", "application/*", "*/*"]);
        Ok(if text > json { Self::Text } else { Self::Json })
    }
}

/// Returns the weight of a media type in an `Accept` value: that of the first of these ranges, ordered from specific to
/// general, that is listed. An item with an invalid weight is ignored.
fn weight(accept: &str, ranges: [&str; 3]) -> f32 {
    let of = |wanted: &str| {
        let weights = accept.split(',').filter_map(|item| {
            let mut parts = item.split(';').map(str::trim);
            let matches = parts.next()?.eq_ignore_ascii_case(wanted);
            let q = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
            let q = q.map_or(Some(1.0), |q| q.parse::<f32>().ok()).filter(|q| (0.0..=1.0).contains(q))?;
            matches.then_some(q)
        });
        weights.reduce(f32::max)
    };
    ranges.into_iter().find_map(of).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn accept_selects_text_only_if_it_is_preferred() {
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
