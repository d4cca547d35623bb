//! The four forms of an HTTP request in an event: payload formats 1.0 and 2.0, and those of load balancers.
//!
//! - <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>
//! - <https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html>
//! - <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html>

use std::{iter, slice};

use axum::body::Body;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header, uri::PathAndQuery};
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::problem::{Kind, Problem};

/// What is not allowed in a path (RFC 3986 section 3.3), without `%`.
const NOT_IN_A_PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

const URL: &str = "The path must begin with a slash, and the query must be percent-encoded.";
const HEADERS: &str = "A header of the event has a name or a value that is not valid in HTTP.";
const BODY: &str = "The body of the event must be text. If isBase64Encoded is true, it must be base64 with padding.";

/// An event with an HTTP request.
pub(super) struct Event<'a> {
    pub(super) method: Method,
    path: &'a str,
    fields: &'a Value,
}

impl<'a> Event<'a> {
    /// Returns `None` for an event of another kind.
    pub(super) fn of(fields: &'a Value) -> Option<Self> {
        // The event of a Lambda authorizer has the method and the path of the request that it is asked about.
        if ["methodArn", "routeArn"].iter().any(|name| fields.get(name).is_some()) {
            return None;
        }
        let of_format_2 = &fields["requestContext"]["http"]["method"];
        let (method, path) = match of_format_2.as_str() {
            Some(method) => (method, &fields["rawPath"]),
            None => (fields["httpMethod"].as_str()?, &fields["path"]),
        };
        Some(Self { method: method.parse().ok()?, path: path.as_str()?, fields })
    }

    /// Returns whether headers are lists of values, in the event and therefore in the answer.
    pub(super) fn has_multi_value_headers(&self) -> bool {
        self.fields["multiValueHeaders"].is_object()
    }

    pub(super) fn is_from_load_balancer(&self) -> bool {
        !self.fields["requestContext"]["elb"].is_null()
    }

    /// Converts the event.
    ///
    /// # Errors
    /// [`Kind::InvalidUrl`] or [`Kind::InvalidEvent`] for an event that is no valid request.
    pub(super) fn to_request(&self) -> Result<Request<Body>, Problem> {
        let invalid = |detail| Problem::new(Kind::InvalidEvent, detail);
        let mut request = Request::new(Body::from(self.body().ok_or_else(|| invalid(BODY))?));
        *request.uri_mut() = self.uri().ok_or_else(|| Problem::new(Kind::InvalidUrl, URL))?;
        *request.headers_mut() = self.headers().ok_or_else(|| invalid(HEADERS))?;
        *request.method_mut() = self.method.clone();
        Ok(request)
    }

    /// Returns the path and the query. Without the host, as in the request line of HTTP.
    fn uri(&self) -> Option<Uri> {
        // API Gateway decodes the path. Encoded again, a decoded `#` or `?` does not end it.
        let path = utf8_percent_encode(self.path, NOT_IN_A_PATH);
        let query = self.query()?;
        // The parser drops a fragment.
        if !self.path.starts_with('/') || query.contains('#') {
            return None;
        }
        let separator = if query.is_empty() { "" } else { "?" };
        Some(PathAndQuery::try_from(format!("{path}{separator}{query}")).ok()?.into())
    }

    fn query(&self) -> Option<String> {
        if let Some(query) = self.fields["rawQueryString"].as_str() {
            return Some(query.to_owned());
        }
        let parameters = self.entries("multiValueQueryStringParameters", "queryStringParameters")?;
        // Only API Gateway decodes names and values.
        let is_decoded = !self.is_from_load_balancer();
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let written = |text: &str| if is_decoded { encoded(text) } else { text.to_owned() };
        let pairs = parameters.iter().map(|(name, value)| format!("{}={}", written(name), written(value)));
        Some(pairs.collect::<Vec<_>>().join("&"))
    }

    fn headers(&self) -> Option<HeaderMap> {
        let mut headers = HeaderMap::new();
        for (name, value) in self.entries("multiValueHeaders", "headers")? {
            let name = HeaderName::try_from(name).ok()?;
            for value in self.values(&name, value) {
                headers.try_append(&name, HeaderValue::from_bytes(value.trim_ascii().as_bytes()).ok()?).ok()?;
            }
        }
        Some(headers)
    }

    /// Returns the values of a header. Format 2.0 joins repeated headers with commas. No bearer token has a comma (RFC 6750
    /// section 2.1), so a comma behind one separates two headers.
    fn values(&self, name: &HeaderName, value: &'a str) -> impl Iterator<Item = &'a str> + use<'a> {
        let is_bearer = value.trim_ascii_start().get(..7).is_some_and(|start| start.eq_ignore_ascii_case("bearer "));
        let is_joined = name == header::AUTHORIZATION && is_bearer && !self.has_multi_value_headers();
        value.split(move |c| is_joined && c == ',')
    }

    fn body(&self) -> Option<Vec<u8>> {
        let body = match &self.fields["body"] {
            Value::Null => "",
            body => body.as_str()?,
        };
        match self.fields["isBase64Encoded"] {
            Value::Null | Value::Bool(false) => Some(body.into()),
            Value::Bool(true) => STANDARD.decode(body).ok(),
            _ => None,
        }
    }

    /// Returns the entries of an object whose members have several values, or if there is none, of one whose members have
    /// one value. Returns `None` if a value is not text.
    fn entries(&self, multi_value: &str, single_value: &str) -> Option<Vec<(&'a str, &'a str)>> {
        let multi_value = self.fields[multi_value].as_object();
        let entries = multi_value.or_else(|| self.fields[single_value].as_object());
        let entries = entries.into_iter().flatten().flat_map(|(name, values)| {
            iter::repeat(name.as_str()).zip(values.as_array().map_or(slice::from_ref(values), Vec::as_slice))
        });
        entries.map(|(name, value)| Some((name, value.as_str()?))).collect()
    }
}

/// Describes an event that is not HTTP for the log, by the service that sent it. Does not repeat other values.
pub(super) fn description(event: &Value) -> String {
    let record = &event["Records"][0];
    let source = [&event["source"], &record["eventSource"], &record["EventSource"]].into_iter().find_map(Value::as_str);
    let is_name =
        |name: &&str| name.len() <= 64 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b".:-_".contains(&b));
    match (source.filter(is_name), event) {
        (Some(source), _) => format!("an event of {source}"),
        (None, Value::Object(fields)) if fields.is_empty() => "an empty event".to_owned(),
        (None, Value::Object(_)) => "an event that is not HTTP".to_owned(),
        (None, _) => "a payload that is not a JSON object".to_owned(),
    }
}
