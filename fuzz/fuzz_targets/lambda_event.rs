//! Any JSON value as an event of AWS Lambda: a request that arrives has the path, the headers and the body of the event,
//! and both payload formats have the same result.

#![no_main]

use std::sync::{Arc, Mutex};

use acs_tokens::{lambda, problem::Problem};
use axum::{Router, body::to_bytes, extract::Request, response::IntoResponse as _};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, Method, StatusCode, header::AUTHORIZATION};
use libfuzzer_sys::{Corpus, fuzz_target};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

thread_local! {
    static RUNTIME: tokio::runtime::Runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
}

/// A request as the router gets it. The path is decoded.
#[derive(Debug, Clone, PartialEq)]
struct Arrived {
    method: Method,
    path: Vec<u8>,
    headers: HeaderMap,
    body: Vec<u8>,
}

fuzz_target!(|text: &str| -> Corpus { check(text).map_or(Corpus::Reject, |()| Corpus::Keep) });

fn check(text: &str) -> Option<()> {
    let mut event: Value = serde_json::from_str(text).ok()?;
    let Some(arrived) = send(&event) else { return Some(()) };
    let is_format_2 = event["requestContext"]["http"]["method"].is_string();
    let path =
        event[if is_format_2 { "rawPath" } else { "path" }].as_str().expect("an HTTP event has a path").to_owned();
    if let Some(arrived) = &arrived {
        assert_eq!(arrived.path, percent_decode_str(&path).collect::<Vec<_>>(), "no character ends the path");
        let body = event["body"].as_str().unwrap_or_default();
        let is_base64 = event["isBase64Encoded"] == true;
        assert_eq!(arrived.body, if is_base64 { STANDARD.decode(body).unwrap() } else { body.into() });
        let credentials = credentials(event["multiValueHeaders"].as_object().or(event["headers"].as_object()));
        assert!(arrived.headers.get_all(AUTHORIZATION).iter().count() >= credentials, "a credential is lost");
    }
    if is_format_2 && !event["multiValueHeaders"].is_object() {
        event["rawQueryString"] = "".into();
        let method = &event["requestContext"]["http"]["method"];
        let mut other = json!({ "httpMethod": method, "path": path });
        for name in ["headers", "body", "isBase64Encoded"] {
            other[name] = event[name].clone();
        }
        assert_eq!(send(&event), send(&other), "both formats have the same result");
    }
    Some(())
}

/// Returns the number of values of `Authorization`.
fn credentials(headers: Option<&Map<String, Value>>) -> usize {
    let headers = headers.into_iter().flatten().filter(|(name, _)| name.eq_ignore_ascii_case("authorization"));
    headers.map(|(_, values)| values.as_array().map_or(1, Vec::len)).sum()
}

/// Sends an event. Returns the request that arrived, `Some(None)` if there was an HTTP event that was refused, and `None`
/// for other events.
fn send(event: &Value) -> Option<Option<Arrived>> {
    let arrived = Arc::new(Mutex::new(None));
    let keep = Arc::clone(&arrived);
    let router = Router::new().fallback(async move |request: Request| {
        if let Some(problem) = request.extensions().get::<Problem>() {
            return problem.clone().into_response();
        }
        let (parts, body) = request.into_parts();
        let path = percent_decode_str(parts.uri.path()).collect();
        let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
        *keep.lock().unwrap() = Some(Arrived { method: parts.method, path, headers: parts.headers, body });
        "arrived".into_response()
    });
    let answer = RUNTIME.with(|runtime| runtime.block_on(lambda::answer(router, event, "the-id")));
    let arrived = arrived.lock().unwrap().take();
    if answer.is_null() {
        assert_eq!(arrived, None);
        return None;
    }
    let expected = if arrived.is_some() { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    assert_eq!(answer["statusCode"], expected.as_u16());
    assert_eq!(answer["isBase64Encoded"], false);
    let form = if event["multiValueHeaders"].is_object() { "multiValueHeaders" } else { "headers" };
    assert!(answer["body"].is_string() && answer[form].is_object());
    Some(arrived)
}
