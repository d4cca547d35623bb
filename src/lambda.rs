//! Events of AWS Lambda: the HTTP request in an event, and the answer in the form that its sender expects.

mod event;

use std::convert::Infallible;

use axum::{Router, body::Body, response::Response};
use http::{HeaderMap, Request, StatusCode};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};
use tower::ServiceExt as _;

use self::event::Event;
use crate::http::RequestId;

/// The payload of an invocation, or `null` if it is not JSON. It can always be read, because the Lambda runtime answers a
/// payload that it cannot read with an error that names types of this program.
#[derive(Debug)]
pub struct Payload(pub Value);

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Value::deserialize(deserializer).unwrap_or_default()))
    }
}

/// Sends the HTTP request in an event through the router. Returns the answer, or `null` for an event that is not HTTP.
pub async fn answer(router: Router, event: &Value, request_id: &str) -> Value {
    let Some(event) = Event::of(event) else {
        tracing::warn!(
            request_id,
            "ignored {}: expected an HTTP request from API Gateway, a load balancer or a function URL. Check the \
             triggers of the Lambda function; to keep an instance warm, send GET /api/health",
            event::description(event),
        );
        return Value::Null;
    };
    let mut request = event.to_request().unwrap_or_else(|problem| {
        // The router writes and logs it.
        let mut request = Request::new(Body::empty());
        *request.method_mut() = event.method.clone();
        request.extensions_mut().insert(problem);
        request
    });
    // The log lines of Lambda and of this service have the same id.
    request.extensions_mut().insert(RequestId(request_id.to_owned()));
    let Ok(response) = router.oneshot(request).await.map_err(|error: Infallible| match error {});
    written(&event, response).await
}

/// Returns the response in the form of the event.
async fn written(event: &Event<'_>, response: Response) -> Value {
    let (parts, body) = response.into_parts();
    let (status, body) = match axum::body::to_bytes(body, usize::MAX).await {
        Ok(body) => (parts.status, body),
        Err(error) => {
            tracing::error!(cause = %error, "cannot read the body of the response");
            (StatusCode::INTERNAL_SERVER_ERROR, bytes::Bytes::new())
        }
    };
    let (name, headers) = if event.has_multi_value_headers() {
        ("multiValueHeaders", headers(&parts.headers, Value::from))
    } else {
        ("headers", headers(&parts.headers, |values| values.join(", ").into()))
    };
    let mut answer = json!({
        "statusCode": status.as_u16(),
        name: headers,
        // Every response of this service is text.
        "body": String::from_utf8_lossy(&body),
        "isBase64Encoded": false,
    });
    if event.is_from_load_balancer() {
        answer["statusDescription"] = status.to_string().into();
    }
    answer
}

/// Returns the headers with their values, written by `write`.
fn headers(headers: &HeaderMap, write: impl Fn(Vec<String>) -> Value) -> Map<String, Value> {
    let values =
        |name| headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    headers.keys().map(|name| (name.to_string(), write(values(name).collect()))).collect()
}
