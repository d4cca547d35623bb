//! Responses, and assertions on whole responses.

use http::HeaderMap;
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::openapi::assert_documented;

/// The allowed response headers. A new header needs a decision and a line here.
const HEADERS: [&str; 20] = [
    "allow",
    "cache-control",
    "content-length",
    // That of the page.
    "content-security-policy",
    "content-type",
    "date",
    "etag",
    "location",
    "retry-after",
    "www-authenticate",
    "x-content-type-options",
    "x-request-id",
    // Those of CORS.
    "access-control-allow-headers",
    "access-control-allow-methods",
    "access-control-allow-origin",
    "access-control-expose-headers",
    "vary",
    // That of host.json.
    "referrer-policy",
    // Those of the stand-in's server.
    "connection",
    "transfer-encoding",
];

/// A response with its body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    /// Sends a request. Panics if the response has a header that is not in [`HEADERS`], or has one twice, and if the
    /// OpenAPI document does not have it.
    pub(crate) async fn of(request: RequestBuilder) -> Self {
        let (client, request) = request.build_split();
        let request = request.unwrap();
        let (method, path) = (request.method().to_string(), request.url().path().to_owned());
        let response = client.execute(request).await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        for name in headers.keys() {
            assert!(HEADERS.contains(&name.as_str()), "the response header {name} is not allowed");
        }
        assert_eq!(
            headers.len(),
            headers.keys_len(),
            "no header is repeated, as most forms of Lambda's answers have one value"
        );
        let answer = Self { status, headers, body: response.text().await.unwrap() };
        assert_documented(&method, &path, &answer);
        answer
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), "application/json", "{self:?}");
        serde_json::from_str(&self.body).unwrap()
    }

    /// Asserts the status of a success, and that it is not cacheable.
    #[track_caller]
    pub(crate) fn assert_ok(&self, status: u16) {
        assert_eq!(self.status, status, "{self:?}");
        self.assert_headers();
        assert!(!self.header("x-request-id").is_empty());
    }

    /// Asserts the status and the code of a problem, and the JSON pointers of its errors.
    #[track_caller]
    pub(crate) fn assert_code(&self, status: u16, code: &str, pointers: &[&str]) {
        assert_eq!((self.status, self.header("content-type")), (status, "application/problem+json"), "{self:?}");
        self.assert_headers();
        let problem = self.problem();
        let expected = json!({
            "type": format!("urn:acs-tokens:problem:{code}"), "code": code, "status": status,
            "requestId": self.header("x-request-id"),
        });
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(&problem[name], value, "{self:?}");
        }
        let errors = problem["errors"].as_array().map_or(&[][..], Vec::as_slice);
        let found: Vec<&str> = errors.iter().map(|error| error["pointer"].as_str().unwrap()).collect();
        assert_eq!(found, pointers, "{self:?}");
    }

    /// Asserts the headers of every answer. The host may send one of them, too.
    #[track_caller]
    fn assert_headers(&self) {
        assert_eq!(self.header("cache-control"), "no-store");
        let types: Vec<_> = self.headers.get_all("x-content-type-options").iter().collect();
        assert_eq!(types, ["nosniff"], "{self:?}");
        // RFC 9110 section 8.6.
        assert!(self.status != 204 || !self.headers.contains_key("content-length"), "{self:?}");
    }

    /// Returns the problem.
    pub(crate) fn problem(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Asserts a token object and returns the token. The order of its fields is not part of the contract.
#[track_caller]
pub(crate) fn assert_token(value: &Value, minutes: i64) -> String {
    let object = value.as_object().unwrap();
    let names: Vec<&str> = object.keys().map(String::as_str).collect();
    assert_eq!(names, ["expiresOn", "expiresOnTimestamp", "token"]);
    let text = value["expiresOn"].as_str().unwrap();
    let expires_on: jiff::Timestamp = text.parse().unwrap();
    assert_eq!(text, acs_identity::types::format_timestamp(expires_on));
    assert_eq!(expires_on.as_millisecond(), value["expiresOnTimestamp"].as_i64().unwrap());
    let left = expires_on.duration_since(jiff::Timestamp::now()).as_secs();
    assert!((minutes * 60 - 60..=minutes * 60).contains(&left), "{left} s are left");
    value["token"].as_str().unwrap().to_owned()
}
