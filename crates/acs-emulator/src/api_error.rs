//! Errors of the REST API, with their status and body.
//!
//! Status and text follow recorded traffic of the Azure SDKs. docs/emulator.md lists those that no recording has.

use std::borrow::Cow;

use http::StatusCode;
use serde::Serialize;

/// An error of the REST API.
#[derive(Debug)]
pub(crate) enum ApiError {
    /// Authentication failed. Only the log has the reason.
    Denied,
    /// The date of the request differs by more than five minutes.
    ClockSkew,
    /// The identity belongs to another resource. By default also the error for a deleted or unknown identity.
    IdentityNotOwned,
    /// The identity is deleted or unknown, if the settings choose this error.
    IdentityNotFound,
    /// The Entra token of a Teams exchange is invalid or expired.
    InvalidAccessToken,
    /// A required field is missing.
    Required(&'static str),
    /// A field has an invalid value.
    Invalid { message: Cow<'static, str>, target: &'static str },
    /// The body cannot be parsed.
    Malformed(String),
    /// The Content-Type is not `application/json`.
    MediaType,
    /// The body exceeds the limit of the emulator.
    TooLarge,
    /// The query has no api-version.
    NoVersion,
    /// The api-version is unknown or does not have the operation.
    UnsupportedVersion { url: String, version: String },
    /// No operation has this path.
    NoRoute,
    /// The path exists, with these methods.
    MethodNotAllowed(&'static str),
    /// The emulator failed.
    Internal,
}

#[derive(Serialize)]
pub(crate) struct ErrorBody {
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

impl ApiError {
    /// Returns the error for an invalid value of the field `target`.
    pub(crate) fn invalid(target: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::Invalid { message: message.into(), target }
    }

    pub(crate) const fn status(&self) -> StatusCode {
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

    /// Returns the body. Errors of ASP.NET's routing have none.
    pub(crate) fn body(&self) -> Option<ErrorBody> {
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

    /// Returns whether the answer lists the supported api-versions. Recorded answers for missing fields and for invalid
    /// Teams tokens do not.
    pub(crate) const fn lists_versions(&self) -> bool {
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
