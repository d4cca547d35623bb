//! The four forms of an HTTP request in an event: payload formats 1.0 and 2.0, and those of load balancers.
//!
//! - <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>
//! - <https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html>
//! - <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html>

use std::{collections::BTreeMap, iter, slice};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use reqwest::Url;
use serde_json::{Value, json};

use crate::problem::{Kind, Problem};

/// What a URL parser removes from a path, or takes for its end or for a slash. It encodes other characters itself.
const NOT_IN_A_PATH: &AsciiSet = &CONTROLS.add(b' ').add(b'#').add(b'?').add(b'\\');
/// Less than a third of what `http::Uri` can have: encoded again, a query can be three times as long.
const MAX_URL_BYTES: usize = 20 * 1024;
/// Less than what `http::HeaderMap` can have, however the hashes of the names collide.
const MAX_HEADERS: usize = 1000;

const URL: &str = "The path must begin with a slash and have no `.` or `..` segment, and the query must be percent-encoded. \
                   They may have 20 KiB.";
const HEADERS: &str =
    "A header of the event has a name or a value that is not valid in HTTP, or there are more than 1,000.";
const BODY: &str = "The body of the event must be text. If isBase64Encoded is true, it must be base64 with padding.";

/// An event with an HTTP request.
pub(super) struct Event<'a> {
    method: &'a str,
    path: &'a str,
    /// The part of `requestContext` by which `lambda_http` tells the forms apart.
    context: Value,
    fields: &'a Value,
}

impl<'a> Event<'a> {
    /// Returns `None` for an event of another kind.
    pub(super) fn of(fields: &'a Value) -> Option<Self> {
        // The event of a Lambda authorizer has the method and the path of the request that it is asked about.
        if ["methodArn", "routeArn"].iter().any(|name| fields.get(name).is_some()) {
            return None;
        }
        let context = &fields["requestContext"];
        let of_format_2 = context["http"]["method"].as_str();
        let method = of_format_2.or(fields["httpMethod"].as_str())?;
        let (path, context) = match of_format_2 {
            Some(_) => (&fields["rawPath"], json!({ "http": { "method": method } })),
            None if context["elb"].is_null() => (&fields["path"], json!({ "httpMethod": method })),
            None => (&fields["path"], json!({ "elb": {} })),
        };
        Method::from_bytes(method.as_bytes()).ok()?;
        Some(Self { method, path: path.as_str()?, context, fields })
    }

    /// Returns an event of the same form and method with nothing else, and no `Host`.
    pub(super) fn empty(&self) -> (Value, HeaderMap) {
        let event = json!({ "httpMethod": self.method, "path": "/", "requestContext": self.context });
        (event, HeaderMap::new())
    }

    /// Returns the event in a form that `lambda_http` converts without a panic, and the values of `Host`.
    ///
    /// The event has no stage, which `lambda_http` would put in front of the path, and no host, which it would parse as part
    /// of a URL. The router checks `Host`.
    ///
    /// # Errors
    /// [`Kind::InvalidUrl`] or [`Kind::InvalidEvent`] for an event that is no valid request.
    pub(super) fn checked(&self) -> Result<(Value, HeaderMap), Problem> {
        let invalid = |detail| Problem::new(Kind::InvalidEvent, detail);
        let (mut event, mut hosts) = self.empty();
        let (query, parameters) = self.query().ok_or_else(|| Problem::new(Kind::InvalidUrl, URL))?;
        event["path"] = self.path(&query).ok_or_else(|| Problem::new(Kind::InvalidUrl, URL))?.into();
        // `lambda_http` reads the first of format 2.0, and the second of the other forms.
        event["rawQueryString"] = query.into();
        event["multiValueQueryStringParameters"] = json!(parameters);
        let mut headers = self.headers().ok_or_else(|| invalid(HEADERS))?;
        let host = headers.remove(header::HOST.as_str()).into_iter().flatten().map(HeaderValue::from_str);
        hosts.extend(host.flatten().map(|host| (header::HOST, host)));
        event["headers"] = json!(headers);
        let (body, is_base64) = self.body().ok_or_else(|| invalid(BODY))?;
        event["body"] = body.into();
        event["isBase64Encoded"] = is_base64.into();
        Ok((event, hosts))
    }

    /// Returns the path. `lambda_http` panics if `http://localhost` with the path is no URL, or the path of this URL with the
    /// query is no `http::Uri`. A path with dot segments would become another one.
    fn path(&self, query: &str) -> Option<String> {
        // API Gateway decodes the path. Encoded again, a decoded `#` or `?` does not end it.
        let path = utf8_percent_encode(self.path, NOT_IN_A_PATH).to_string();
        let url = Url::parse(&format!("http://localhost{path}")).ok()?;
        let target = format!("{}?{query}", url.path());
        // `http::Uri` drops a fragment.
        let is_uri = target.len() <= MAX_URL_BYTES && !query.contains('#') && target.parse::<Uri>().is_ok();
        (is_uri && percent_decode_str(url.path()).eq(percent_decode_str(&path))).then_some(path)
    }

    /// Returns the query, or its parameters. `lambda_http` panics at a parameter without values.
    fn query(&self) -> Option<(String, BTreeMap<&'a str, Vec<&'a str>>)> {
        if let (Some(_), Some(query)) = (self.context.get("http"), self.fields["rawQueryString"].as_str()) {
            return Some((query.to_owned(), BTreeMap::new()));
        }
        let parameters = self.entries("multiValueQueryStringParameters", "queryStringParameters")?;
        // Only API Gateway decodes names and values.
        let written = |text: &str| match self.context.get("elb") {
            Some(_) => text.to_owned(),
            None => utf8_percent_encode(text, NON_ALPHANUMERIC).to_string(),
        };
        let pairs = parameters.iter().map(|(name, value)| format!("{}={}", written(name), written(value)));
        Some((pairs.collect::<Vec<_>>().join("&"), lists(parameters)))
    }

    /// Returns the headers. Of names that differ in case only, `lambda_http` can drop values, and it panics if there are too
    /// many names.
    fn headers(&self) -> Option<BTreeMap<String, Vec<&'a str>>> {
        let mut headers = Vec::new();
        for (name, value) in self.entries("multiValueHeaders", "headers")? {
            let name = HeaderName::try_from(name).ok()?;
            for value in self.values(&name, value).map(str::trim_ascii) {
                HeaderValue::from_str(value).ok()?;
                headers.push((name.to_string(), value));
            }
        }
        (headers.len() <= MAX_HEADERS).then(|| lists(headers))
    }

    /// Returns the values of a header. Format 2.0 joins repeated headers with commas. No bearer token has a comma (RFC 6750
    /// section 2.1), so a comma behind one separates two headers.
    fn values(&self, name: &HeaderName, value: &'a str) -> impl Iterator<Item = &'a str> + use<'a> {
        let is_bearer = value.trim_ascii_start().get(..7).is_some_and(|start| start.eq_ignore_ascii_case("bearer "));
        let is_joined = name == header::AUTHORIZATION && is_bearer && !self.fields["multiValueHeaders"].is_object();
        value.split(move |c| is_joined && c == ',')
    }

    /// Returns the body, and whether it is base64. `lambda_http` panics if it is not, but is said to be.
    fn body(&self) -> Option<(&'a str, bool)> {
        let body = match &self.fields["body"] {
            Value::Null => "",
            body => body.as_str()?,
        };
        match self.fields["isBase64Encoded"] {
            Value::Null | Value::Bool(false) => Some((body, false)),
            Value::Bool(true) => STANDARD.decode(body).ok().map(|_| (body, true)),
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

/// Returns the values of each name, one or more.
fn lists<N: Ord, V>(entries: Vec<(N, V)>) -> BTreeMap<N, Vec<V>> {
    let mut lists = BTreeMap::<N, Vec<V>>::new();
    for (name, value) in entries {
        lists.entry(name).or_default().push(value);
    }
    lists
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
