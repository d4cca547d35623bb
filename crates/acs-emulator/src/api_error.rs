//! Everything the emulator refuses, with the status and the words that ACS Identity has for it.
//!
//! Status and text come from recorded traffic of the Azure SDKs where there is any; docs/emulator.md lists the rest.

use std::borrow::Cow;

use http::StatusCode;
use serde::Serialize;

/// Why a call is refused.
#[derive(Debug)]
pub(super) enum ApiError {
    /// The caller is not who they say, whatever the reason; the reason is on the log.
    Denied,
    /// The caller's clock is off by more than five minutes.
    ClockSkew,
    /// The identity is another resource's, or (where it says so) gone.
    IdentityNotOwned,
    /// The identity is gone, where the settings ask for this answer.
    IdentityNotFound,
    /// The Entra token of a Teams exchange is empty, garbage, or over.
    InvalidAccessToken,
    /// The model binder misses a field.
    Required(&'static str),
    /// A field has a value that is not taken.
    Invalid { message: Cow<'static, str>, target: &'static str },
    /// The body is not the JSON that the operation takes.
    Malformed(String),
    /// The body is not JSON by its Content-Type.
    MediaType,
    /// The body is longer than the emulator reads.
    TooLarge,
    /// The query names no api-version.
    NoVersion,
    /// The api-version is unknown, or lacks the operation.
    UnsupportedVersion { url: String, version: String },
    /// No operation has this path.
    NoRoute,
    /// The path has operations, with the methods named.
    MethodNotAllowed(&'static str),
    /// The emulator itself failed.
    Internal,
}

#[derive(Serialize)]
pub(super) struct ErrorBody {
    error: ErrorInfo,
}

#[derive(Serialize)]
struct ErrorInfo {
    code: &'static str,
    message: Cow<'static, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<&'static str>,
}

const SKEW: &str = "The given request could not be resolved.\n\
    The time difference between the originating client and the server is greater than the allowed margin of 5 minutes.";

impl From<super::keeper::NotKept> for ApiError {
    fn from(_: super::keeper::NotKept) -> Self {
        Self::Internal
    }
}

impl ApiError {
    pub(super) fn invalid(target: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::Invalid { message: message.into(), target }
    }

    pub(super) const fn status(&self) -> StatusCode {
        match self {
            Self::Denied | Self::ClockSkew | Self::IdentityNotOwned | Self::InvalidAccessToken => {
                StatusCode::UNAUTHORIZED
            }
            Self::Required(_)
            | Self::Invalid { .. }
            | Self::Malformed(_)
            | Self::NoVersion
            | Self::UnsupportedVersion { .. } => StatusCode::BAD_REQUEST,
            Self::IdentityNotFound | Self::NoRoute => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The body; ASP.NET's routing answers without one.
    pub(super) fn body(&self) -> Option<ErrorBody> {
        let (code, message, target): (_, Cow<'static, str>, _) = match self {
            Self::NoRoute | Self::MethodNotAllowed(_) => return None,
            Self::Denied => ("Denied", "Denied by the resource provider.".into(), None),
            Self::ClockSkew => ("Denied", SKEW.into(), None),
            Self::IdentityNotOwned => {
                ("IdentityNotOwned", "Provided identity doesn't belong to the resource.".into(), None)
            }
            Self::IdentityNotFound => ("IdentityNotFound", "Provided identity doesn't exist.".into(), None),
            Self::InvalidAccessToken => {
                ("InvalidAccessToken", "Provided access token is not valid.".into(), None)
            }
            Self::Required(field) => {
                ("ValidationError", format!("{field}: The {field} field is required.").into(), Some(*field))
            }
            Self::Invalid { message, target } => ("ValidationError", message.clone(), Some(*target)),
            Self::Malformed(what) => {
                ("ValidationError", format!("The request body is not valid: {what}.").into(), None)
            }
            Self::MediaType => ("UnsupportedMediaType", "The request body must be application/json.".into(), None),
            Self::TooLarge => ("RequestBodyTooLarge", "The request body is too large.".into(), None),
            Self::NoVersion => {
                ("ApiVersionUnspecified", "An API version is required, but was not specified.".into(), None)
            }
            Self::UnsupportedVersion { url, version } => (
                "UnsupportedApiVersion",
                format!(
                    "The HTTP resource that matches the request URI '{url}' does not support the API version '{version}'."
                )
                .into(),
                None,
            ),
            Self::Internal => ("InternalServerError", "The emulator failed; see its log.".into(), None),
        };
        Some(ErrorBody { error: ErrorInfo { code, message, target } })
    }

    /// Whether the answer names the supported api-versions. Recorded model-binding 400s and Teams 401s lack them, and
    /// a denied call never reaches the part that knows them.
    pub(super) const fn names_versions(&self) -> bool {
        !matches!(
            self,
            Self::Denied
                | Self::ClockSkew
                | Self::InvalidAccessToken
                | Self::Required(_)
                | Self::Malformed(_)
                | Self::MediaType
                | Self::TooLarge
                | Self::NoRoute
        )
    }
}
