//! Problems: errors as the caller sees them (RFC 9457).
//!
//! A handler returns a [`Problem`]. The outermost layer of the router writes it, with the request id, and logs it.

mod kind;
mod upstream;

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, header};
use serde::Serialize;
use tracing::Level;

pub use kind::{Kind, Parts};
pub(crate) use upstream::teams_token_refused;

/// An error in one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct FieldError {
    /// The location: a JSON pointer (RFC 6901) into the body.
    pub pointer: String,
    /// The error and its remedy.
    pub detail: String,
}

/// A problem.
#[derive(Debug, Clone)]
pub struct Problem {
    /// The kind, which decides the status.
    pub kind: Kind,
    /// The error and its remedy, for the caller.
    pub detail: String,
    /// The errors in fields of the body.
    pub errors: Vec<FieldError>,
    /// Headers of the response, such as `Retry-After`.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The cause, for the operator. It is only logged.
    pub cause: Option<String>,
    /// The level of the request's log line.
    pub level: Level,
}

/// A problem as it is sent.
#[derive(Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema), schema(as = Problem))]
#[serde(rename_all = "camelCase")]
pub(crate) struct Wire<'a> {
    /// `urn:acs-tokens:problem:` and the code.
    r#type: String,
    /// The meaning of the code. It may change.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// The error and its remedy, for developers. It may change.
    detail: &'a str,
    /// The code, for programs.
    code: &'static str,
    /// The id of the request in the log of this service, as in `x-request-id`.
    request_id: &'a str,
    /// The errors in fields of the body.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
}

impl Problem {
    /// Creates a problem.
    #[must_use]
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            errors: Vec::new(),
            headers: Vec::new(),
            cause: None,
            level: kind.parts().level,
        }
    }

    /// Creates a problem for invalid fields.
    #[must_use]
    pub fn fields(errors: Vec<FieldError>) -> Self {
        let detail = "The body has invalid fields, so nothing was done. See errors for each field.";
        Self { errors, ..Self::new(Kind::InvalidFields, detail) }
    }

    /// Creates a problem for an error in this service.
    #[must_use]
    pub fn internal(cause: impl Into<String>) -> Self {
        Self::new(Kind::Internal, "An internal error occurred. The service's log has the details.").with_cause(cause)
    }

    /// Adds a header to the response.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Adds `Retry-After`: whole seconds, at least one (RFC 9110 section 10.2.3).
    #[must_use]
    pub fn with_retry_after(self, wait: Duration) -> Self {
        let seconds = (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1);
        self.with_header(header::RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// Sets the cause for the log.
    #[must_use]
    pub fn with_cause(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Logs the problem as an error, because it lasts until the operator acts.
    #[must_use]
    pub const fn for_operator(mut self) -> Self {
        self.level = Level::ERROR;
        self
    }

    /// Replaces the name of a field in all pointers, where a function has another name for a field of ACS.
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

    /// Writes the response.
    #[must_use]
    pub fn write(self, request_id: &str) -> Response {
        let Parts { code, status, title, .. } = self.kind.parts();
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
    /// Keeps the problem in the response's extensions, for the outermost layer to write.
    fn into_response(self) -> Response {
        let mut response = self.kind.parts().status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}
