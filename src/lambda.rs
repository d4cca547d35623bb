//! Events of AWS Lambda: sends the HTTP request in an event through the router. The crate `lambda_http` converts both.

mod event;

use std::convert::Infallible;

use axum::Router;
use http::Extensions;
use lambda_http::{Adapter, LambdaEvent, request::LambdaRequest};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
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

/// Sends the HTTP request in an event through the router. Returns the answer in the form that the sender of the event
/// expects, or `null` for an event that is not HTTP.
pub async fn answer(router: Router, LambdaEvent { payload: Payload(event), context }: LambdaEvent<Payload>) -> Value {
    let Some(event) = Event::of(&event) else {
        tracing::warn!(
            request_id = context.request_id,
            "ignored {}: expected an HTTP request from API Gateway, a load balancer or a function URL. Check the \
             triggers of the Lambda function; to keep an instance warm, send GET /api/health",
            event::description(&event),
        );
        return Value::Null;
    };
    let mut extensions = Extensions::new();
    // The log lines of Lambda and of this service have the same id.
    extensions.insert(RequestId(context.request_id.clone()));
    let (event, hosts) = event.checked().unwrap_or_else(|problem| {
        // The router writes and logs it.
        extensions.insert(problem);
        event.empty()
    });
    let service = router.map_request(move |mut request: lambda_http::Request| {
        request.headers_mut().extend(hosts.clone());
        request.extensions_mut().extend(extensions.clone());
        request
    });
    let request_id = context.request_id.clone();
    let answer = async {
        let request: LambdaRequest = serde_json::from_value(event)?;
        // Reads the body of the response, which cannot fail: every one is in memory. Writes the first value of each header:
        // no response has a second one.
        let answered = Adapter::from(service).oneshot(LambdaEvent::new(request, context)).await;
        let Ok(answer) = answered.map_err(|error: Infallible| match error {});
        serde_json::to_value(answer)
    };
    // Not reached: `Event` writes what lambda_http reads, and every header of a response is text.
    answer.await.unwrap_or_else(|error| {
        tracing::error!(request_id, cause = %error, "cannot convert an event or its answer");
        Value::Null
    })
}
