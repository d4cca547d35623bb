//! The problems that errors of ACS become.

use std::time::Duration;

use acs_identity::{ErrorKind, ServiceError, causes, http::ConnectFailure, is_transient, retry_after};
use http::{HeaderValue, StatusCode, header};

use super::{FieldError, Kind, Problem};
const CREDENTIAL_REJECTED: &str = "ACS rejected this service's credential. The service's log has the details.";

impl From<acs_identity::Error> for Problem {
    fn from(error: acs_identity::Error) -> Self {
        let cause = causes(&error);
        let (kind, detail) = match error {
            acs_identity::Error::Service(error) => return service_problem(&error).with_cause(cause),
            acs_identity::Error::Credential(error) if is_transient(&error) => {
                return credential_unavailable(retry_after(&error)).with_cause(cause);
            }
            acs_identity::Error::Credential(_) => (
                Kind::Misconfigured,
                "This service has no credential for ACS, so nothing was done. The service's log has the details.",
            ),
            acs_identity::Error::Connect(error) if ConnectFailure::of(&error) == ConnectFailure::NoRootCertificates => {
                (
                    Kind::Misconfigured,
                    "This service has no root certificates, so ACS was not called. The service's log has the details.",
                )
            }
            acs_identity::Error::Connect(_) => {
                (Kind::UpstreamUnreachable, "ACS could not be reached, so nothing was done. Try again later.")
            }
            acs_identity::Error::TimedOut => (
                Kind::UpstreamTimeout,
                "ACS did not answer in time. It is unknown whether the request was carried out.",
            ),
            acs_identity::Error::Interrupted(_) | acs_identity::Error::InvalidResponse { .. } => (
                Kind::UpstreamFailed,
                "ACS did not answer completely. It is unknown whether the request was carried out.",
            ),
        };
        Self::new(kind, detail).with_cause(cause)
    }
}

fn service_problem(error: &ServiceError) -> Problem {
    match error.kind {
        ErrorKind::Denied => Problem::new(Kind::Misconfigured, CREDENTIAL_REJECTED),
        ErrorKind::UnsupportedApiVersion => {
            Problem::new(Kind::Misconfigured, "ACS rejected the api-version that this service uses.")
        }
        ErrorKind::IdentityNotOwned | ErrorKind::IdentityNotFound => Problem::new(
            Kind::IdentityNotFound,
            "The ACS resource has no such identity: it was deleted, or belongs to another resource.",
        ),
        ErrorKind::InvalidAccessToken => teams_token_refused(
            "ACS rejected the Teams user's token: it is expired, malformed, or not issued for Teams calls through ACS. \
             Get a new one from Entra.",
        ),
        ErrorKind::LicenseMissing => Problem::new(
            Kind::LicenseMissing,
            "The user has no license for Teams Phone. Ask the administrator of the tenant to assign one.",
        ),
        ErrorKind::SubscriptionNotAllowed => Problem::new(
            Kind::FeatureNotAllowed,
            "The ACS resource does not have Teams Phone. Ask the operator of this service to request it from Microsoft.",
        ),
        ErrorKind::ServicePrincipalMissing => Problem::new(
            Kind::ServicePrincipalMissing,
            "ACS has no service principal in the user's tenant. Ask the administrator of the tenant to create it: az ad sp \
             create --id 1fd5118e-2576-4263-8130-9503064c837a",
        ),
        ErrorKind::NotAssigned | ErrorKind::AssignmentNotFound => Problem::new(
            Kind::NotAssigned,
            "The user or the application is not assigned to the ACS resource, or ACS has no service principal in the \
             tenant. Ask the operator of this service.",
        ),
        ErrorKind::ValidationError => refused(error),
        ErrorKind::Throttled => throttled(error.retry_after),
        ErrorKind::Failed if error.status == StatusCode::REQUEST_TIMEOUT => {
            Problem::new(Kind::UpstreamTimeout, "ACS timed out while it read the request. Try again.")
        }
        ErrorKind::Failed => {
            let status = error.status.as_u16();
            Problem::new(Kind::UpstreamFailed, format!("ACS answered {status}. Try again later."))
        }
        ErrorKind::Other => Problem::new(
            Kind::UpstreamFailed,
            "The answer is not one of ACS. It is unknown whether the request was carried out.",
        ),
    }
}

/// Creates a problem for the Entra token of a Teams user.
pub(crate) fn teams_token_refused(detail: &str) -> Problem {
    Problem::new(Kind::TeamsTokenRefused, detail)
        .with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer error=\"invalid_token\""))
}

/// The default is that of `issuer-unreachable`.
fn credential_unavailable(retry_after: Option<Duration>) -> Problem {
    Problem::new(
        Kind::CredentialUnavailable,
        "This service cannot get a credential for ACS now, so nothing was done. Try again later.",
    )
    .with_retry_after(retry_after.unwrap_or(Duration::from_secs(10)))
}

/// Passes ACS's message on: it is about the caller's own input.
fn refused(error: &ServiceError) -> Problem {
    let errors = error.target.iter().map(|target| {
        // ACS writes the same field as Scopes and scopes.
        let mut letters = target.chars();
        let name: String = letters.next().iter().flat_map(|c| c.to_lowercase()).chain(letters).collect();
        FieldError { pointer: format!("/{name}"), detail: error.message.clone() }
    });
    let detail = if error.message.is_empty() { "ACS answered 400 without a message." } else { &error.message };
    Problem { errors: errors.collect(), ..Problem::new(Kind::RefusedByAcs, detail) }
}

/// Without `Retry-After`, the wait is the 30 seconds over which ACS counts.
/// <https://learn.microsoft.com/azure/communication-services/concepts/service-limits>
fn throttled(retry_after: Option<Duration>) -> Problem {
    Problem::new(Kind::Throttled, "The limits of ACS are reached. Try again after the seconds in Retry-After.")
        .with_retry_after(retry_after.unwrap_or(Duration::from_secs(30)))
}
