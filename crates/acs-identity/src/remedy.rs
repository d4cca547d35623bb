//! What operators do about it: ACS's errors, each with its likely cause and its remedy, in one table.

use std::borrow::Cow;

use jiff::SignedDuration;
use reqwest::StatusCode;

use super::{
    Client, Error,
    credential::Credential,
    error::{Kind, ServiceError},
};

/// How far a signature's date may be off, either way.
/// <https://learn.microsoft.com/azure/communication-services/tutorials/hmac-header-tutorial>
pub const MAX_CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// The means by which calls are authorised, as far as remedies differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Means {
    /// An access key of the resource.
    Key,
    /// A token of Entra.
    Entra,
}

impl From<&Credential> for Means {
    fn from(credential: &Credential) -> Self {
        match credential {
            Credential::Keys(_) => Self::Key,
            Credential::Entra(_) => Self::Entra,
        }
    }
}

/// What has probably happened, and what to do about it. For operators, not for callers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remedy {
    /// What has probably happened.
    pub likely_cause: Cow<'static, str>,
    /// What to do about it.
    pub remedy: Cow<'static, str>,
}

impl Client {
    /// What to do about an error of this client, where that is known.
    #[must_use]
    pub fn remedy(&self, error: &Error) -> Option<Remedy> {
        remedy(error, (&self.settings.credential).into())
    }
}

/// The table.
pub(super) fn remedy(error: &Error, means: Means) -> Option<Remedy> {
    let known = |likely_cause: &'static str, remedy: &'static str| {
        Some(Remedy { likely_cause: likely_cause.into(), remedy: remedy.into() })
    };
    match error {
        Error::Service(error) => match (error.kind, error.status) {
            (Kind::Denied, _) | (Kind::Other, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                Some(denied(error, means))
            }
            (Kind::ApiVersion, _) => Some(api_version(error)),
            (_, StatusCode::TOO_MANY_REQUESTS) => known(
                "the resource's limits for Identity are reached: 1000 operations in 30 s, 500 for creating identities",
                "spread the load, keep tokens until they end instead of asking anew, or have Microsoft's support raise \
                 the limits",
            ),
            (Kind::IdentityNotOwned | Kind::InvalidAccessToken | Kind::Other, _) => None,
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

fn denied(error: &ServiceError, means: Means) -> Remedy {
    match (means, error.clock_skew) {
        (Means::Key, Some(skew)) if skew.abs() > MAX_CLOCK_SKEW => Remedy {
            likely_cause: format!("this machine's clock is {}; signatures allow 300 s", describe_skew(skew)).into(),
            remedy: "set the clock, and keep it by NTP".into(),
        },
        (Means::Key, _) => Remedy {
            likely_cause: "the access key is not one of this resource's (any more), or the resource takes no keys (local \
                           authentication is off)"
                .into(),
            remedy: "copy key and endpoint anew from the same resource's Keys page; if keys are off there, set the \
                     endpoint alone and use an Entra identity"
                .into(),
        },
        (Means::Entra, _) => Remedy {
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
    use uuid::Uuid;

    use super::*;
    use crate::error::Fault;

    fn service(status: u16, code: &str, skew: Option<i64>, versions: Option<&str>) -> Error {
        Error::Service(Box::new(ServiceError {
            status: StatusCode::from_u16(status).unwrap(),
            kind: Kind::of(code),
            code: code.to_owned(),
            message: String::new(),
            target: None,
            ms_cv: None,
            request_id: Uuid::nil(),
            retry_after: None,
            clock_skew: skew.map(SignedDuration::from_secs),
            supported_versions: versions.map(str::to_owned),
        }))
    }

    #[test]
    fn every_known_error_has_its_cause_and_remedy() {
        for (error, means, cause, todo) in [
            (service(401, "Denied", Some(2), None), Means::Key, "the access key is not one", "copy key and endpoint"),
            (service(401, "Denied", None, None), Means::Key, "the access key is not one", "copy key and endpoint"),
            (service(401, "Denied", Some(-412), None), Means::Key, "clock is 412 s behind ACS's", "set the clock"),
            (service(401, "", Some(301), None), Means::Key, "clock is 301 s ahead of ACS's", "set the clock"),
            (service(403, "", None, None), Means::Key, "local authentication is off", "Entra identity"),
            // A token does not hang on our clock.
            (
                service(401, "Denied", Some(412), None),
                Means::Entra,
                "role was assigned minutes ago",
                "assign it the role",
            ),
            (service(429, "TooManyRequests", None, None), Means::Key, "limits", "spread the load"),
            (
                service(400, "UnsupportedApiVersion", None, Some("2023-10-01, 2025-06-30")),
                Means::Key,
                "api-version",
                "set it to a version that ACS knows: 2023-10-01, 2025-06-30",
            ),
            (
                service(400, "UnsupportedApiVersion", None, None),
                Means::Key,
                "api-version",
                "set it to a version that ACS knows",
            ),
            (Error::TimedOut, Means::Key, "ACS is slow", "status.azure.com"),
            (
                Error::InvalidResponse { status: StatusCode::FOUND, fault: Fault::Status },
                Means::Key,
                "a proxy",
                "compare the endpoint",
            ),
        ] {
            let Remedy { likely_cause, remedy } = remedy(&error, means).unwrap();
            assert!(likely_cause.contains(cause) && remedy.contains(todo), "{error:?}: {likely_cause}; {remedy}");
        }
    }

    #[test]
    fn what_is_the_callers_own_matter_has_none() {
        for (status, code) in
            [(401, "IdentityNotOwned"), (401, "InvalidAccessToken"), (400, "ValidationError"), (500, "")]
        {
            assert_eq!(remedy(&service(status, code, Some(500), None), Means::Key), None, "{code}");
        }
    }
}
