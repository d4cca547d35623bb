//! What went wrong, told to the caller as a problem (RFC 9457).
//!
//! A handler returns a [`Problem`]; the outermost layer of the app writes it, with the request id in it, and logs it
//! once. What an operator needs and the caller may not see is in `cause`, which goes to the log alone.

mod kind;
mod upstream;

use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, Method, header};
use serde::Serialize;

pub use kind::Kind;

/// One field at fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldFault {
    /// Where: a JSON pointer (RFC 6901) into the body.
    pub pointer: String,
    /// What is wrong, and what would be right.
    pub detail: String,
}

/// A problem on its way to the caller.
#[derive(Debug, Clone)]
pub struct Problem {
    /// What kind it is; decides the status.
    pub kind: Kind,
    /// What happened and what to do about it, for the caller.
    pub detail: String,
    /// The fields at fault.
    pub errors: Vec<FieldFault>,
    /// Headers of the answer, such as `Retry-After`.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// What the operator needs to know; never sent.
    pub cause: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: &'a str,
    code: &'static str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldFault],
}

impl Problem {
    /// A problem of this kind.
    #[must_use]
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), errors: Vec::new(), headers: Vec::new(), cause: None }
    }

    /// Fields that are wrong.
    #[must_use]
    pub fn fields(errors: Vec<FieldFault>) -> Self {
        let detail = "The request was refused before anything was done. See errors for each field.";
        Self { errors, ..Self::new(Kind::InvalidFields, detail) }
    }

    /// The same with a header in the answer.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The same with a cause for the log.
    #[must_use]
    pub fn with_cause(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// The same with another name for a field and what is in it: ACS's operation may call it otherwise.
    #[must_use]
    pub fn with_renamed_field(mut self, from: &str, to: &str) -> Self {
        for error in &mut self.errors {
            if let Some(rest) = error.pointer.strip_prefix(from)
                && (rest.is_empty() || rest.starts_with('/'))
            {
                error.pointer = format!("{to}{rest}");
            }
        }
        self
    }

    /// The answer, with the id of the request it answers.
    #[must_use]
    pub fn write(self, request_id: &str) -> Response {
        let (code, status, title) = self.kind.parts();
        let wire = Wire {
            r#type: format!("urn:acs-tokens:problem:{code}"),
            title,
            status: status.as_u16(),
            detail: &self.detail,
            code,
            request_id,
            errors: &self.errors,
        };
        let mut response = serde_json::to_vec(&wire).unwrap_or_default().into_response();
        *response.status_mut() = status;
        response.headers_mut().extend(self.headers);
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response
    }
}

impl IntoResponse for Problem {
    /// Leaves the writing to the outermost layer, which knows the request.
    fn into_response(self) -> Response {
        let mut response = self.kind.parts().1.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// No function has this path.
#[must_use]
pub fn not_found() -> Problem {
    Problem::new(Kind::NotFound, "No function has this path. GET / lists them.")
}

/// A function has this path, with other methods. The router adds `Allow`.
#[must_use]
pub fn method_not_allowed(method: &Method) -> Problem {
    Problem::new(Kind::MethodNotAllowed, format!("The path is right, {method} is not. See the Allow header."))
}
