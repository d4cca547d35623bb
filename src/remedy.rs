//! What operators do about it: ACS's errors, each with its likely cause and its remedy, in one table.

use std::borrow::Cow;

use acs_identity::{Error, ErrorKind, ServiceError};
use http::StatusCode;
use jiff::SignedDuration;

/// How far a signature's date may be off, either way.
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

/// What has probably happened, and what to do about it. For operators, not for callers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remedy {
    /// What has probably happened.
    pub likely_cause: Cow<'static, str>,
    /// What to do about it.
    pub remedy: Cow<'static, str>,
}

/// Returns the remedy for an error of the ACS client, if one is known.
#[must_use]
pub fn remedy(error: &Error, credential: CredentialKind) -> Option<Remedy> {
    let known = |likely_cause: &'static str, remedy: &'static str| {
        Some(Remedy { likely_cause: likely_cause.into(), remedy: remedy.into() })
    };
    match error {
        Error::Service(error) => match (error.kind, error.status) {
            (ErrorKind::Denied, _) | (ErrorKind::Other, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                Some(denied(error, credential))
            }
            (ErrorKind::UnsupportedApiVersion, _) => Some(api_version(error)),
            (_, StatusCode::TOO_MANY_REQUESTS) => known(
                "the resource's limits for Identity are reached: 1000 operations in 30 s, 500 for creating identities",
                "spread the load, keep tokens until they end instead of asking anew, or have Microsoft's support raise \
                 the limits",
            ),
            (ErrorKind::IdentityNotOwned | ErrorKind::InvalidAccessToken | ErrorKind::Other, _) => None,
        },
        Error::Credential(_) => known(
            "Entra gave this workload no token: no identity is assigned to it, the federated token is of another \
             application, or nobody is signed in on this machine",
            "in Azure turn on a managed identity, and name a user-assigned one in AZURE_CLIENT_ID; on a developer's machine \
             run az login; COMMUNICATION_SERVICES_CREDENTIAL forces a way",
        ),
        Error::Connect(_) => known(
            "the endpoint's name does not resolve, or a firewall, proxy or private network stands in between",
            "compare the endpoint with the resource's Keys page, and run acs-tokens check where this service runs",
        ),
        Error::TimedOut => known(
            "ACS is slow, or something on the way drops packets",
            "compare with the health of Azure (status.azure.com); if it lasts, check the way out of this network",
        ),
        Error::Interrupted(_) | Error::InvalidResponse { .. } => known(
            "something between this service and ACS answers or breaks connections: a proxy, a firewall, another server \
             under the endpoint's name",
            "compare the endpoint with the resource's Keys page, and check the way out of this network",
        ),
    }
}

fn denied(error: &ServiceError, credential: CredentialKind) -> Remedy {
    match (credential, error.clock_skew) {
        (CredentialKind::Key, Some(skew)) if skew.abs() > MAX_CLOCK_SKEW => Remedy {
            likely_cause: format!("this machine's clock is {}; signatures allow 300 s", describe_skew(skew)).into(),
            remedy: "set the clock, and keep it by NTP".into(),
        },
        (CredentialKind::Key, _) => Remedy {
            likely_cause: "the access key is not one of this resource's (any more), or the resource takes no keys (local \
                           authentication is off)"
                .into(),
            remedy: "copy key and endpoint anew from the same resource's Keys page; if keys are off there, set the \
                     endpoint alone and use an Entra identity"
                .into(),
        },
        (CredentialKind::Entra, _) => Remedy {
            likely_cause: "this workload's identity has no role on the resource, or the role was assigned minutes ago and \
                           is not known everywhere yet, or the token is of another tenant than the resource"
                .into(),
            remedy: "assign it the role 'Communication and Email Service Owner' (or Contributor) on the ACS resource and wait \
                     up to 10 minutes; check AZURE_CLIENT_ID and AZURE_TENANT_ID"
                .into(),
        },
    }
}

fn api_version(error: &ServiceError) -> Remedy {
    let remedy = "remove COMMUNICATION_SERVICES_API_VERSION, or set it to a version that ACS knows";
    Remedy {
        likely_cause: "ACS does not know the api-version that is asked for".into(),
        remedy: match &error.supported_versions {
            Some(versions) => format!("{remedy}: {versions}").into(),
            None => remedy.into(),
        },
    }
}

/// Such as `412 s ahead of ACS's`.
#[must_use]
pub fn describe_skew(skew: SignedDuration) -> String {
    let side = if skew.is_negative() { "behind" } else { "ahead of" };
    format!("{} s {side} ACS's", skew.as_secs().abs())
}

#[cfg(test)]
mod tests {
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
    fn every_known_error_has_its_cause_and_remedy() {
        for (error, credential, cause, todo) in [
            (
                service(401, "Denied", Some(2), None),
                CredentialKind::Key,
                "the access key is not one",
                "copy key and endpoint",
            ),
            (
                service(401, "Denied", None, None),
                CredentialKind::Key,
                "the access key is not one",
                "copy key and endpoint",
            ),
            (
                service(401, "Denied", Some(-412), None),
                CredentialKind::Key,
                "clock is 412 s behind ACS's",
                "set the clock",
            ),
            (service(401, "", Some(301), None), CredentialKind::Key, "clock is 301 s ahead of ACS's", "set the clock"),
            (service(403, "", None, None), CredentialKind::Key, "local authentication is off", "Entra identity"),
            // A token does not hang on our clock.
            (
                service(401, "Denied", Some(412), None),
                CredentialKind::Entra,
                "role was assigned minutes ago",
                "assign it the role",
            ),
            (service(429, "TooManyRequests", None, None), CredentialKind::Key, "limits", "spread the load"),
            (
                service(400, "UnsupportedApiVersion", None, Some("2023-10-01, 2025-06-30")),
                CredentialKind::Key,
                "api-version",
                "set it to a version that ACS knows: 2023-10-01, 2025-06-30",
            ),
            (
                service(400, "UnsupportedApiVersion", None, None),
                CredentialKind::Key,
                "api-version",
                "set it to a version that ACS knows",
            ),
            (Error::TimedOut, CredentialKind::Key, "ACS is slow", "status.azure.com"),
            (
                Error::InvalidResponse { status: StatusCode::FOUND, reason: InvalidResponseReason::Status },
                CredentialKind::Key,
                "a proxy",
                "compare the endpoint",
            ),
        ] {
            let Remedy { likely_cause, remedy } = remedy(&error, credential).unwrap();
            assert!(likely_cause.contains(cause) && remedy.contains(todo), "{error:?}: {likely_cause}; {remedy}");
        }
    }

    #[test]
    fn what_is_the_callers_own_matter_has_none() {
        for (status, code) in
            [(401, "IdentityNotOwned"), (401, "InvalidAccessToken"), (400, "ValidationError"), (500, "")]
        {
            assert_eq!(remedy(&service(status, code, Some(500), None), CredentialKind::Key), None, "{code}");
        }
    }
}
