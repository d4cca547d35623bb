//! What can go wrong on the way to ACS and back, with everything ACS said about it.

use std::time::Duration;

use jiff::SignedDuration;
use reqwest::StatusCode;
use uuid::Uuid;

use super::credential::Failure;

/// A call that did not end in the answer hoped for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// ACS answered with an error.
    #[error(transparent)]
    Service(Box<ServiceError>),
    /// No credential is to be had, so nothing was sent.
    #[error("no credential for ACS")]
    Credential(#[source] Failure),
    /// No connection came about, so ACS surely did nothing.
    #[error("no connection to ACS")]
    Connect(#[source] reqwest::Error),
    /// The call's time ran out. ACS may have done what was asked.
    #[error("ACS did not answer in time")]
    TimedOut,
    /// The connection broke after the request was sent. ACS may have done what was asked.
    #[error("the connection to ACS broke")]
    Interrupted(#[source] reqwest::Error),
    /// ACS, or something in its place, answered what no ACS answers. It may have done what was asked.
    #[error("the answer is not one of ACS: status {status}, {fault}")]
    InvalidResponse {
        /// The status it came with.
        status: StatusCode,
        /// What is wrong with it.
        fault: Fault,
    },
}

impl Error {
    /// Whether ACS says that the identity is none of this resource: deleted, or another's.
    #[must_use]
    pub fn is_identity_gone(&self) -> bool {
        let Self::Service(error) = self else { return false };
        error.kind == Kind::IdentityNotOwned || (error.kind == Kind::Other && error.status == StatusCode::NOT_FOUND)
    }
}

/// Why an answer is not one of ACS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Neither a success that the operation knows nor an error.
    #[error("a status that the operation does not have")]
    Status,
    /// Not the JSON that the operation answers with.
    #[error("a body that is not the expected JSON")]
    Body,
    /// Longer than any answer of ACS Identity.
    #[error("a body over 64 KiB")]
    TooLong,
}

/// An error as ACS told it.
///
/// <https://github.com/microsoft/api-guidelines/blob/vNext/azure/Guidelines.md#handling-errors>
#[derive(Debug, thiserror::Error)]
#[error("ACS answered {status}: {message}")]
pub struct ServiceError {
    /// The status.
    pub status: StatusCode,
    /// What kind of error it is.
    pub kind: Kind,
    /// ACS's `code`; empty if the body was none of ACS's.
    pub code: String,
    /// ACS's `message`, written for developers.
    pub message: String,
    /// The field at fault, if ACS named one.
    pub target: Option<String>,
    /// ACS's correlation vector (`MS-CV`), to be quoted to Microsoft's support.
    pub ms_cv: Option<String>,
    /// The `x-ms-client-request-id` that the call was made with.
    pub request_id: Uuid,
    /// How long ACS asks to wait.
    pub retry_after: Option<Duration>,
    /// How far this machine's clock is ahead of ACS's (`Date`), give or take a second and the answer's way.
    pub clock_skew: Option<SignedDuration>,
    /// The api-versions that ACS knows (`api-supported-versions`), as it lists them.
    pub supported_versions: Option<String>,
}

/// The kinds of error that somebody decides by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `Denied`: ACS does not take our credential.
    Denied,
    /// `IdentityNotOwned`: the identity is not one of this resource.
    IdentityNotOwned,
    /// `InvalidAccessToken`: the Teams user's token is not valid.
    InvalidAccessToken,
    /// `UnsupportedApiVersion` and its like: our setting is wrong, not the request.
    ApiVersion,
    /// Anything else: the status tells.
    Other,
}

impl Kind {
    pub(super) fn of(code: &str) -> Self {
        match code {
            "Denied" => Self::Denied,
            "IdentityNotOwned" => Self::IdentityNotOwned,
            "InvalidAccessToken" => Self::InvalidAccessToken,
            "UnsupportedApiVersion" | "ApiVersionUnspecified" | "InvalidApiVersion" => Self::ApiVersion,
            _ => Self::Other,
        }
    }
}

impl From<reqwest::Error> for Error {
    fn from(error: reqwest::Error) -> Self {
        // The URL holds an identity id, and errors are logged.
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

/// An error and all it came from, in one line: reqwest's own text stops at "error sending request".
#[must_use]
pub fn causes(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
