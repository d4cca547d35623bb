//! What ACS's errors become for our caller.

use acs_identity::causes;
use http::{HeaderValue, StatusCode, header};

use super::{FieldFault, Kind, Problem};
use crate::directory;

/// `Denied` is about our credential: the caller learns no more than that.
impl From<acs_identity::Error> for Problem {
    fn from(error: acs_identity::Error) -> Self {
        let cause = causes(&error);
        let problem = match error {
            acs_identity::Error::Service(error) => from_service(&error),
            acs_identity::Error::Credential(_) => Self::new(
                Kind::Misconfigured,
                "This service has no credential for ACS, so nothing was done. The operator's log says more.",
            ),
            acs_identity::Error::Connect(_) => Self::new(
                Kind::UpstreamUnreachable,
                "No connection to ACS came about, so nothing was done. Try again later.",
            ),
            acs_identity::Error::TimedOut => Self::new(
                Kind::UpstreamTimeout,
                "ACS did not answer in time. What was asked may have been done or not.",
            ),
            acs_identity::Error::Interrupted(_) | acs_identity::Error::InvalidResponse { .. } => Self::new(
                Kind::UpstreamFailed,
                "The answer of ACS did not arrive whole. What was asked may have been done or not.",
            ),
        };
        problem.with_cause(cause)
    }
}

impl From<directory::Error> for Problem {
    fn from(error: directory::Error) -> Self {
        let cause = causes(&error);
        let problem = match error {
            directory::Error::Acs(error) => return error.into(),
            directory::Error::Store(_) => Self::new(
                Kind::DirectoryUnavailable,
                "The directory that says whose identity is whose was not reached. Try again later.",
            ),
            directory::Error::Contended => {
                Self::new(Kind::DirectoryUnavailable, "Other calls for the same user were in the way. Try again.")
            }
        };
        problem.with_cause(cause)
    }
}

fn from_service(error: &acs_identity::ServiceError) -> Problem {
    use acs_identity::ErrorKind as Acs;
    match error.kind {
        Acs::Denied => Problem::new(Kind::Misconfigured, "ACS refused this service's credential. The operator's log says more."),
        Acs::UnsupportedApiVersion => Problem::new(Kind::Misconfigured, "ACS does not know the api-version that this service asks for."),
        Acs::IdentityNotOwned => identity_not_found(),
        Acs::InvalidAccessToken => Problem::new(
            Kind::TeamsTokenRefused,
            "ACS does not take the token: it is expired, malformed, or not issued for Teams calls through ACS. Get a new one from Entra.",
        )
        .with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer error=\"invalid_token\"")),
        Acs::Other => match error.status {
            StatusCode::BAD_REQUEST => refused(error),
            StatusCode::NOT_FOUND => identity_not_found(),
            StatusCode::TOO_MANY_REQUESTS => throttled(error.retry_after),
            StatusCode::REQUEST_TIMEOUT => {
                Problem::new(Kind::UpstreamTimeout, "ACS gave up waiting for the request. Try again.")
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Problem::new(Kind::Misconfigured, "ACS refused this service's credential. The operator's log says more.")
            }
            status => Problem::new(Kind::UpstreamFailed, format!("ACS answered {}. Try again later.", status.as_u16())),
        },
    }
}

fn identity_not_found() -> Problem {
    Problem::new(
        Kind::IdentityNotFound,
        "The identity is not one of this ACS resource: it was deleted, or belongs to another resource.",
    )
}

/// ACS's message is about the caller's own input, so the caller may read it.
fn refused(error: &acs_identity::ServiceError) -> Problem {
    let errors = error.target.iter().map(|target| {
        // ACS spells the same field Scopes and scopes.
        let mut letters = target.chars();
        let name: String = letters.next().iter().flat_map(|c| c.to_lowercase()).chain(letters).collect();
        FieldFault { pointer: format!("/{name}"), detail: error.message.clone() }
    });
    let detail = if error.message.is_empty() { "ACS answered 400 without saying why." } else { &error.message };
    Problem { errors: errors.collect(), ..Problem::new(Kind::RefusedByAcs, detail) }
}

/// ACS counts over 30 seconds, so that is how long to wait where it does not say.
/// <https://learn.microsoft.com/azure/communication-services/concepts/service-limits>
fn throttled(retry_after: Option<std::time::Duration>) -> Problem {
    let seconds = retry_after.map_or(30, |wait| wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1);
    Problem::new(Kind::Throttled, format!("The limits of ACS are reached. Try again in {seconds} s."))
        .with_header(header::RETRY_AFTER, HeaderValue::from(seconds))
}
