//! The likely cause and the remedy of each error of ACS, for the request log and for `acs-tokens check`.

use std::borrow::Cow;

use acs_identity::{Error, ErrorKind, ServiceError};
use http::StatusCode;
use jiff::SignedDuration;

/// The longest time that the date of a signature may differ from the clock of ACS.
/// <https://learn.microsoft.com/azure/communication-services/tutorials/hmac-header-tutorial>
pub const MAX_CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// The kind of the credential, as far as remedies differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialKind {
    /// An access key of the resource.
    Key,
    /// A token from Microsoft Entra.
    Entra,
}

/// The likely cause of an error, and what the operator can do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remedy {
    /// The likely cause.
    pub likely_cause: Cow<'static, str>,
    /// What to do about it.
    pub remedy: Cow<'static, str>,
}

impl Remedy {
    fn new(likely_cause: impl Into<Cow<'static, str>>, remedy: impl Into<Cow<'static, str>>) -> Self {
        Self { likely_cause: likely_cause.into(), remedy: remedy.into() }
    }
}

/// Returns the remedy for an error of the ACS client. `None` if the error is not one of the operator.
#[must_use]
pub fn remedy(error: &Error, credential: CredentialKind) -> Option<Remedy> {
    Some(match error {
        Error::Service(error) => return service(error, credential),
        Error::Credential(_) => Remedy::new(
            "Entra issued no token: the workload has no identity, the federated token is for another application, or \
             nobody is signed in on this machine",
            "in Azure, turn on a managed identity, and set AZURE_CLIENT_ID for a user-assigned one; on a developer's \
             machine, run az login; COMMUNICATION_SERVICES_CREDENTIAL selects the source of tokens",
        ),
        Error::Connect(_) => Remedy::new(
            "the endpoint's name does not resolve, or a firewall, proxy or private network blocks the connection",
            "compare the endpoint with the resource's Keys page, and run acs-tokens check where this service runs",
        ),
        Error::TimedOut => Remedy::new(
            "ACS is slow, or the network drops packets",
            "check the health of Azure (status.azure.com); if the error persists, check the network's route to Azure",
        ),
        Error::Interrupted(_) | Error::InvalidResponse { .. } => Remedy::new(
            "a proxy, a firewall or another server with the endpoint's name answered instead of ACS, or closed the \
             connection",
            "compare the endpoint with the resource's Keys page, and check the network's route to Azure",
        ),
    })
}

fn service(error: &ServiceError, credential: CredentialKind) -> Option<Remedy> {
    match (error.kind, error.status) {
        (ErrorKind::Denied, _) | (ErrorKind::Other, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
            Some(denied(error.clock_skew, credential))
        }
        (ErrorKind::UnsupportedApiVersion, _) => {
            let remedy = "remove COMMUNICATION_SERVICES_API_VERSION, or set it to a version that ACS supports";
            let remedy = match &error.supported_versions {
                Some(versions) => format!("{remedy}: {versions}").into(),
                None => Cow::Borrowed(remedy),
            };
            Some(Remedy::new("ACS does not support the api-version", remedy))
        }
        (_, StatusCode::TOO_MANY_REQUESTS) => Some(Remedy::new(
            "the resource's limits for Identity are reached: 1000 operations in 30 s, 500 for creating identities",
            "spread the load, keep tokens until they expire, or ask Microsoft's support for higher limits",
        )),
        (ErrorKind::IdentityNotOwned | ErrorKind::InvalidAccessToken | ErrorKind::Other, _) => None,
    }
}

fn denied(skew: Option<SignedDuration>, credential: CredentialKind) -> Remedy {
    match (credential, skew) {
        (CredentialKind::Key, Some(skew)) if skew.abs() > MAX_CLOCK_SKEW => Remedy::new(
            format!("this machine's clock is {}; a signature is valid for 300 s", describe_skew(skew)),
            "set the clock, and keep it by NTP",
        ),
        (CredentialKind::Key, _) => Remedy::new(
            "the access key is not a current key of this resource, or access keys are disabled for it (local \
             authentication is off)",
            "copy key and endpoint from the same resource's Keys page; if keys are disabled, set the endpoint only and \
             use an Entra identity",
        ),
        (CredentialKind::Entra, _) => Remedy::new(
            "the workload's identity has no role on the resource, the role was assigned minutes ago and is not yet in \
             effect, or the token is of another tenant than the resource",
            "assign the role 'Communication and Email Service Owner' (or Contributor) on the ACS resource and wait up to \
             10 minutes; check AZURE_CLIENT_ID and AZURE_TENANT_ID",
        ),
    }
}

/// Describes a clock skew, such as `412 s ahead of ACS's`.
#[must_use]
pub fn describe_skew(skew: SignedDuration) -> String {
    let side = if skew.is_negative() { "behind" } else { "ahead of" };
    format!("{} s {side} ACS's", skew.as_secs().abs())
}

#[cfg(test)]
mod tests {
    use CredentialKind::{Entra, Key};
    use acs_identity::InvalidResponseReason;
    use http::HeaderMap;
    use uuid::Uuid;

    use super::*;

    fn service(status: u16, code: &str, skew: Option<i64>, versions: Option<&str>) -> Error {
        let body = serde_json::json!({ "error": { "code": code, "message": "" } }).to_string();
        let status = StatusCode::from_u16(status).unwrap();
        let mut error = ServiceError::from_response(status, &HeaderMap::new(), body.as_bytes(), Uuid::nil());
        error.clock_skew = skew.map(SignedDuration::from_secs);
        error.supported_versions = versions.map(str::to_owned);
        Error::Service(Box::new(error))
    }

    #[test]
    fn errors_of_the_operator_have_a_cause_and_a_remedy() {
        let redirect = Error::InvalidResponse { status: StatusCode::FOUND, reason: InvalidResponseReason::Status };
        for (error, credential, cause, todo) in [
            (service(401, "Denied", Some(2), None), Key, "not a current key", "copy key and endpoint"),
            (service(401, "Denied", None, None), Key, "not a current key", "copy key and endpoint"),
            (service(401, "Denied", Some(-412), None), Key, "clock is 412 s behind ACS's", "set the clock"),
            (service(401, "", Some(301), None), Key, "clock is 301 s ahead of ACS's", "set the clock"),
            (service(403, "", None, None), Key, "local authentication is off", "Entra identity"),
            // Tokens do not depend on this machine's clock.
            (service(401, "Denied", Some(412), None), Entra, "role was assigned minutes ago", "assign the role"),
            (service(429, "TooManyRequests", None, None), Key, "limits", "spread the load"),
            (
                service(400, "UnsupportedApiVersion", None, Some("2023-10-01, 2025-06-30")),
                Key,
                "api-version",
                "set it to a version that ACS supports: 2023-10-01, 2025-06-30",
            ),
            (service(400, "UnsupportedApiVersion", None, None), Key, "api-version", "a version that ACS supports"),
            (Error::TimedOut, Key, "ACS is slow", "status.azure.com"),
            (redirect, Key, "a proxy", "compare the endpoint"),
        ] {
            let Remedy { likely_cause, remedy } = remedy(&error, credential).unwrap();
            assert!(likely_cause.contains(cause) && remedy.contains(todo), "{error:?}: {likely_cause}; {remedy}");
        }
    }

    #[test]
    fn errors_of_the_caller_have_no_remedy() {
        for (status, code) in
            [(401, "IdentityNotOwned"), (401, "InvalidAccessToken"), (400, "ValidationError"), (500, "")]
        {
            assert_eq!(remedy(&service(status, code, Some(500), None), Key), None, "{code}");
        }
    }
}
