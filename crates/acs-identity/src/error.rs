//! Errors of calls, with everything that ACS answered.

use std::time::Duration;

use azure_core::{
    error::ErrorKind as AzureErrorKind,
    http::headers::{HeaderName, HeaderValue},
};
use jiff::{SignedDuration, Timestamp};
use reqwest::{StatusCode, header::HeaderMap};
use uuid::Uuid;

/// The error of a call.
///
/// The variants say what is known of the outcome. Matches on it are meant to be exhaustive; a new variant will be a
/// breaking change.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The response has the status of an error. [`ServiceError::kind`] says whether ACS sent it.
    #[error(transparent)]
    Service(Box<ServiceError>),
    /// The token credential returned no token. Nothing was sent.
    #[error("no credential for ACS")]
    Credential(#[source] azure_core::Error),
    /// The connection failed. ACS did not receive the request.
    #[error("no connection to ACS")]
    Connect(#[source] reqwest::Error),
    /// The call timed out. ACS may have carried it out.
    #[error("ACS did not answer in time")]
    TimedOut,
    /// The connection failed after the request was sent. ACS may have carried it out.
    #[error("the connection to ACS broke")]
    Interrupted(#[source] reqwest::Error),
    /// The response is not one of ACS. The request may have been carried out.
    #[error("the response is not one of ACS: status {status}, {reason}")]
    InvalidResponse {
        /// The status of the response.
        status: StatusCode,
        /// The reason why it is invalid.
        reason: InvalidResponseReason,
    },
}

impl Error {
    /// Returns whether ACS does not have the identity: it was deleted, or belongs to another resource.
    ///
    /// Only the error codes of ACS say so. A 404 without them may be the answer of a proxy.
    #[must_use]
    pub fn is_identity_gone(&self) -> bool {
        matches!(self, Self::Service(error) if error.kind.is_identity_gone())
    }
}

/// The reason why a response is not one of ACS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidResponseReason {
    /// The status is neither an error nor the success status of the operation.
    #[error("a status that the operation does not have")]
    Status,
    /// The body is not the JSON of the operation.
    #[error("a body that is not the expected JSON")]
    Body,
    /// The body is longer than 64 KiB.
    #[error("a body over 64 KiB")]
    TooLong,
}

/// An error response of ACS.
///
/// <https://github.com/microsoft/api-guidelines/blob/vNext/azure/Guidelines.md#handling-errors>
#[derive(Debug, thiserror::Error)]
#[error("{}", self.text())]
#[non_exhaustive]
pub struct ServiceError {
    /// The status of the response.
    pub status: StatusCode,
    /// The kind of the error.
    pub kind: ErrorKind,
    /// The error code in the body; empty if the body has not the form of an error of ACS.
    pub code: String,
    /// The message of ACS, written for developers.
    pub message: String,
    /// The field that the error is about.
    pub target: Option<String>,
    /// The correlation vector (`MS-CV`), for Microsoft's support.
    pub ms_cv: Option<String>,
    /// The `x-ms-client-request-id` of the request.
    pub request_id: Uuid,
    /// The time that ACS asks to wait.
    pub retry_after: Option<Duration>,
    /// Time by which the clock of this machine is ahead of the clock of ACS (`Date`), to about a second.
    pub clock_skew: Option<SignedDuration>,
    /// The API versions that ACS supports (`api-supported-versions`), as it lists them.
    pub supported_versions: Option<String>,
}

impl ServiceError {
    fn text(&self) -> String {
        let Self { status, code, message, .. } = self;
        match (self.kind, code.is_empty()) {
            (ErrorKind::Other, true) => format!("status {status} without an error of ACS"),
            (ErrorKind::Other, false) => format!("status {status} with the unknown error {code}: {message}"),
            (_, true) => format!("ACS answered {status}"),
            (_, false) => format!("ACS answered {status}: {message}"),
        }
    }
}

/// The kind of an error response. All kinds except [`Throttled`](Self::Throttled), [`Failed`](Self::Failed) and
/// [`Other`](Self::Other) have an error code of ACS in the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// `Denied`: ACS rejected the credential.
    Denied,
    /// `IdentityNotOwned`: the identity belongs to another resource. ACS may say this of a deleted identity too.
    IdentityNotOwned,
    /// `IdentityNotFound`: the identity does not exist.
    IdentityNotFound,
    /// `ValidationError`: ACS rejected the content of the request.
    ValidationError,
    /// `InvalidAccessToken`, or another 401 of the exchange for Teams Phone: the token of the Teams user is not valid.
    InvalidAccessToken,
    /// `UserLicenseNotPresentForbidden`: the user has no license for Teams Phone.
    LicenseMissing,
    /// `SubscriptionNotAllowed`: the subscription of the resource does not have Teams Phone.
    SubscriptionNotAllowed,
    /// Status 403 with another code, in answer to the exchange for Teams Phone: no assignment allows it.
    NotAssigned,
    /// Status 401 or 403 with an error of Entra in the message, in answer to a call for Teams Phone:
    /// [ACS has no service principal](lacks_service_principal) in the tenant.
    ServicePrincipalMissing,
    /// Status 404 with a code, in answer to a call for an assignment: the user has none.
    AssignmentNotFound,
    /// `UnsupportedApiVersion`, `ApiVersionUnspecified` or `InvalidApiVersion`: ACS rejected the API version.
    UnsupportedApiVersion,
    /// Status 429, with any body: a limit of the resource or of a front end is reached.
    Throttled,
    /// Status 408 or 5xx, with any body: the server failed.
    Failed,
    /// Any other response. A proxy may have sent it in place of ACS, or the client does not know the error code.
    Other,
}

impl ErrorKind {
    /// Returns the kind of a response. `code` is empty if the body is not an error of ACS.
    pub(crate) fn new(status: StatusCode, code: &str) -> Self {
        match (status.as_u16(), code) {
            (429, _) => Self::Throttled,
            (408 | 500.., _) => Self::Failed,
            (401 | 403, "Denied") => Self::Denied,
            (401, "InvalidAccessToken") => Self::InvalidAccessToken,
            (403, "UserLicenseNotPresentForbidden") => Self::LicenseMissing,
            (403, "SubscriptionNotAllowed") => Self::SubscriptionNotAllowed,
            (400, "ValidationError") => Self::ValidationError,
            (400 | 404, "UnsupportedApiVersion" | "ApiVersionUnspecified" | "InvalidApiVersion") => {
                Self::UnsupportedApiVersion
            }
            // No recording has the status for a deleted identity.
            (_, "IdentityNotOwned") => Self::IdentityNotOwned,
            (_, "IdentityNotFound") => Self::IdentityNotFound,
            _ => Self::Other,
        }
    }

    pub(crate) const fn is_identity_gone(self) -> bool {
        matches!(self, Self::IdentityNotOwned | Self::IdentityNotFound)
    }
}

impl From<reqwest::Error> for Error {
    fn from(error: reqwest::Error) -> Self {
        // The URL contains an identity id, and errors are logged.
        let error = error.without_url();
        if error.is_connect() {
            Self::Connect(error)
        } else if error.is_timeout() {
            Self::TimedOut
        } else {
            Self::Interrupted(error)
        }
    }
}

/// Returns whether another attempt to get a token may succeed: the network failed, or the token service is busy.
#[must_use]
pub fn is_transient(error: &azure_core::Error) -> bool {
    let of = |error: &azure_core::Error| match error.kind() {
        AzureErrorKind::Connection | AzureErrorKind::Io => true,
        // The instance metadata service answers 404 and 410 while it is updated.
        // https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token#error-handling
        AzureErrorKind::HttpResponse { status, .. } => matches!(u16::from(*status), 404 | 408 | 410 | 429 | 500..),
        _ => false,
    };
    chain(error).filter_map(|error| error.downcast_ref()).any(of)
}

/// Returns whether a text has the number of an error of Entra for an application that has no service principal in a tenant.
///
/// <https://learn.microsoft.com/entra/identity-platform/reference-error-codes#aadsts-error-codes>
#[must_use]
pub fn lacks_service_principal(text: &str) -> bool {
    ["AADSTS650052", "AADSTS500011"].iter().any(|number| text.contains(number))
}

/// Returns the time that a token service asked to wait before the next request, `None` if it asked for none.
///
/// Reads `Retry-After` of the HTTP response that is the error, or the source of the error.
#[must_use]
pub fn retry_after(error: &(dyn std::error::Error + 'static)) -> Option<Duration> {
    let response = |error: &azure_core::Error| match error.kind() {
        AzureErrorKind::HttpResponse { raw_response: Some(response), .. } => {
            let header = |(name, value): (&HeaderName, &HeaderValue)| {
                Some((name.as_str().parse().ok()?, value.as_str().parse().ok()?))
            };
            let headers: HeaderMap = response.headers().iter().filter_map(header).collect();
            crate::retry_after::retry_after(&headers, Timestamp::now())
        }
        _ => None,
    };
    chain(error).filter_map(|error| error.downcast_ref()).find_map(response)
}

/// Returns an error and its sources in one line, for logs: the text of a `reqwest::Error` leaves out its source. A source
/// that the text already has, as in errors of `object_store`, is not repeated.
#[must_use]
pub fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    for source in chain(error).skip(1).map(ToString::to_string) {
        if !text.contains(&source) {
            text = format!("{text}: {source}");
        }
    }
    text
}

pub(crate) fn chain<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |error| error.source())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Outer(String, #[source] std::fmt::Error);

    #[test]
    fn causes_are_listed_once() {
        let source = std::fmt::Error.to_string();
        assert_eq!(
            causes(&Outer("the request failed".to_owned(), std::fmt::Error)),
            format!("the request failed: {source}")
        );
        let repeating = format!("the request failed: {source}");
        assert_eq!(causes(&Outer(repeating.clone(), std::fmt::Error)), repeating);
    }
}
