//! Errors of the REST API, with their status and body.
//!
//! Status and text follow recorded traffic of the Azure SDKs. docs/emulator.md lists those that no recording has.

use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

/// An error of the REST API.
#[derive(Debug)]
pub(crate) enum ApiError {
    /// Authentication failed. Only the log has the reason.
    Denied,
    /// The date of the request differs by more than five minutes.
    ClockSkew,
    /// The identity belongs to another resource.
    IdentityNotOwned,
    /// The identity is deleted or unknown. The settings choose status and code.
    NoSuchIdentity(Gone),
    /// The body of a Teams exchange has no Entra token.
    NoTeamsToken,
    /// The Entra token of a Teams exchange is invalid or expired.
    InvalidAccessToken,
    /// No assignment allows the user and the client to exchange a token.
    NotAssigned,
    /// ACS has no service principal in the tenant.
    NoServicePrincipal(Uuid),
    /// The user has no assignment.
    NoAssignment,
    /// A required field is missing.
    Required(&'static str),
    /// A field has an invalid value.
    Invalid { message: String, target: &'static str },
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

/// The status and code for a deleted or unknown identity. No recording shows those of ACS.
#[derive(Debug, Default, Clone, Copy, Serialize, Deserialize)]
pub(crate) enum Gone {
    /// 404.
    #[default]
    IdentityNotFound,
    /// 401, as for an identity of another resource.
    IdentityNotOwned,
}

impl Gone {
    pub(crate) const fn status_and_code(self) -> (StatusCode, &'static str) {
        match self {
            Self::IdentityNotFound => (StatusCode::NOT_FOUND, "IdentityNotFound"),
            Self::IdentityNotOwned => (StatusCode::UNAUTHORIZED, "IdentityNotOwned"),
        }
    }
}

const SKEW: &str = "The given request could not be resolved.\n\
    The time difference between the originating client and the server is greater than the allowed margin of 5 minutes.";

impl ApiError {
    /// Returns the error for an invalid value of the field `target`.
    pub(crate) fn invalid(target: &'static str, message: impl Into<String>) -> Self {
        Self::Invalid { message: message.into(), target }
    }

    /// Returns the status, and the body unless it is an answer of ASP.NET's routing, which has none.
    pub(crate) fn answer(&self) -> (StatusCode, Option<Value>) {
        use StatusCode as S;

        let (status, code, message) = match self {
            Self::NoRoute => return (S::NOT_FOUND, None),
            Self::MethodNotAllowed(_) => return (S::METHOD_NOT_ALLOWED, None),
            Self::Denied => (S::UNAUTHORIZED, "Denied", "Denied by the resource provider."),
            Self::ClockSkew => (S::UNAUTHORIZED, "Denied", SKEW),
            Self::IdentityNotOwned => {
                (S::UNAUTHORIZED, "IdentityNotOwned", "Provided identity doesn't belong to the resource.")
            }
            // The message is that of ACS; no recording has the status and the code.
            Self::NoSuchIdentity(gone) => {
                let (status, code) = gone.status_and_code();
                (status, code, "Provided identity doesn't exist.")
            }
            Self::NoTeamsToken => {
                (S::BAD_REQUEST, "ValidationError", "The body is either missing or doesn't contain any token.")
            }
            Self::InvalidAccessToken => (S::UNAUTHORIZED, "InvalidAccessToken", "Provided access token is not valid."),
            // Documented is the status alone.
            Self::NotAssigned => (S::FORBIDDEN, "Forbidden", "No assignment allows the user and the client."),
            // Entra's text at sign-in, as Microsoft's page on Teams Phone has it.
            Self::NoServicePrincipal(tenant) => (
                S::FORBIDDEN,
                "Forbidden",
                &*format!(
                    "AADSTS650052: The app is trying to access a service '1fd5118e-2576-4263-8130-9503064c837a'(Azure \
                     Communication Services) that your organization '{tenant}' lacks a service principal for."
                ),
            ),
            Self::NoAssignment => (S::NOT_FOUND, "NotFound", "Assignment was not found."),
            Self::Required(field) => {
                (S::BAD_REQUEST, "ValidationError", &*format!("{field}: The {field} field is required."))
            }
            Self::Invalid { message, .. } => (S::BAD_REQUEST, "ValidationError", &**message),
            Self::Malformed(what) => {
                (S::BAD_REQUEST, "ValidationError", &*format!("The request body is not valid: {what}."))
            }
            Self::MediaType => {
                (S::UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", "The request body must be application/json.")
            }
            Self::TooLarge => (S::PAYLOAD_TOO_LARGE, "RequestBodyTooLarge", "The request body is too large."),
            Self::NoVersion => {
                (S::BAD_REQUEST, "ApiVersionUnspecified", "An API version is required, but was not specified.")
            }
            Self::UnsupportedVersion { url, version } => (
                S::BAD_REQUEST,
                "UnsupportedApiVersion",
                &*format!(
                    "The HTTP resource that matches the request URI '{url}' does not support the API version '{version}'."
                ),
            ),
            Self::Internal => (S::INTERNAL_SERVER_ERROR, "InternalServerError", "The emulator failed; see its log."),
        };
        let mut error = json!({ "code": code, "message": message });
        if let Self::Required(target) | Self::Invalid { target, .. } = self {
            error["target"] = json!(target);
        }
        (status, Some(json!({ "error": error })))
    }

    /// Returns whether the answer lists the supported api-versions. Recorded answers for missing fields and for invalid
    /// Teams tokens do not.
    pub(crate) const fn lists_versions(&self) -> bool {
        !matches!(
            self,
            Self::Denied
                | Self::ClockSkew
                | Self::NoTeamsToken
                | Self::InvalidAccessToken
                | Self::Required(_)
                | Self::Malformed(_)
                | Self::MediaType
                | Self::TooLarge
                | Self::NoRoute
        )
    }
}
