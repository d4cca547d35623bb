//! The likely causes and the remedies of errors of the ACS client, for operators.

use std::borrow::Cow;

use acs_identity::{
    Error, ErrorKind, ServiceError, causes,
    http::{ConnectFailure, check_root_certificates},
    is_transient, lacks_service_principal,
};
use http::StatusCode;
use jiff::SignedDuration;

/// The largest difference between the clock of the client and that of ACS for which signatures are valid.
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

/// A likely cause and its remedy. For operators, not for callers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remedy {
    /// The likely cause.
    pub likely_cause: Cow<'static, str>,
    /// The remedy.
    pub remedy: Cow<'static, str>,
}

/// Returns the remedy for an error of the ACS client, if one is known.
#[must_use]
pub fn remedy(error: &Error, credential: CredentialKind) -> Option<Remedy> {
    let known = |likely_cause: &'static str, remedy: &'static str| {
        Some(Remedy { likely_cause: likely_cause.into(), remedy: remedy.into() })
    };
    match error {
        Error::Service(error) => match error.kind {
            ErrorKind::Denied => Some(denied(error, credential)),
            ErrorKind::UnsupportedApiVersion => Some(api_version(error)),
            ErrorKind::Throttled => known(
                "the limits of the resource are reached: in 30 s, 1,000 identities or tokens, and 500 deletions, revocations \
                 or exchanges",
                "reuse tokens until they expire, spread the load, or ask Microsoft's support to raise the limits",
            ),
            ErrorKind::LicenseMissing => known(
                "the user has no license for Teams Phone, or it was assigned minutes ago",
                "assign the user a license with Teams Phone in the Microsoft 365 admin center",
            ),
            ErrorKind::SubscriptionNotAllowed => known(
                "the subscription of the ACS resource does not have Teams Phone extensibility",
                "ask Microsoft's support to turn it on for the subscription",
            ),
            ErrorKind::NotAssigned => known(
                "the user has no assignment at the ACS resource, the assignment does not name the client application of the \
                 token, or ACS has no service principal in the tenant",
                "put the assignment with that client id, and run az ad sp create --id 1fd5118e-2576-4263-8130-9503064c837a \
                 in the tenant of the user",
            ),
            ErrorKind::ServicePrincipalMissing => known(
                "ACS has no service principal in the tenant of the user",
                "let the administrator of the tenant run az ad sp create --id 1fd5118e-2576-4263-8130-9503064c837a",
            ),
            // No recording has the error code for a wrong clock.
            ErrorKind::Other => wrong_clock(error, credential).or_else(|| known(ANOTHER_SERVER, COMPARE_ENDPOINT)),
            ErrorKind::IdentityNotOwned
            | ErrorKind::IdentityNotFound
            | ErrorKind::InvalidAccessToken
            | ErrorKind::AssignmentNotFound
            | ErrorKind::ValidationError
            | ErrorKind::Failed => None,
        },
        Error::Credential(error) if is_transient(error) => known(
            "the token service limits requests or fails: the managed identity endpoint, AWS's STS or Entra",
            "wait; if it lasts, check status.azure.com and the outbound network, and run fewer instances at once",
        ),
        Error::Credential(error) if lacks_service_principal(&causes(error)) => known(
            "Entra issued no token, because ACS has no service principal in the tenant of the credential",
            "use a credential of the tenant of the ACS resource: set AZURE_TENANT_ID, or run az login --tenant",
        ),
        Error::Credential(_) => known(
            "Entra issued no token: the app has no managed identity, the federated token is for another application, or \
             no developer is signed in",
            "in Azure, turn on a managed identity and set AZURE_CLIENT_ID for a user-assigned one; on AWS Lambda, turn on \
             outbound identity federation and let the identity trust the role of the function; on a developer's machine, run \
             az login; COMMUNICATION_SERVICES_CREDENTIAL selects the kind of credential",
        ),
        Error::Connect(error) => Some(connection(error)),
        Error::TimedOut => known(
            "ACS is slow, or the network drops packets",
            "check status.azure.com; if it lasts, check the outbound network",
        ),
        Error::Interrupted(_) | Error::InvalidResponse { .. } => known(ANOTHER_SERVER, COMPARE_ENDPOINT),
    }
}

const ANOTHER_SERVER: &str = "a proxy, a firewall or another server answers in place of ACS, or breaks connections";
const COMPARE_ENDPOINT: &str =
    "compare the endpoint with the Keys page of the resource, and check the outbound network";

/// Returns the remedy for a failed connection to the endpoint.
fn connection(error: &reqwest::Error) -> Remedy {
    let (likely_cause, remedy) = match ConnectFailure::of(error) {
        ConnectFailure::UnknownName => (
            "the name of the endpoint does not resolve",
            "compare the endpoint with the Keys page of the resource, and check the DNS of this host",
        ),
        ConnectFailure::Refused => (
            "no server listens at the address and port of the endpoint, or a firewall refuses the connection",
            COMPARE_ENDPOINT,
        ),
        ConnectFailure::TimedOut => (
            "a firewall or a private network drops the packets to the endpoint",
            "allow outbound connections to port 443 of the endpoint, or run this service in the private network",
        ),
        ConnectFailure::NoRootCertificates => return no_root_certificates(),
        ConnectFailure::UntrustedCertificate => (
            "this machine does not trust the certificate of the endpoint: a proxy inspects TLS, or the endpoint is a \
             test server",
            "add the certificate of the proxy or test server to the system's certificates, or set SSL_CERT_FILE to a \
             file with it, which replaces them",
        ),
        ConnectFailure::CertificateForOtherName => (
            "the certificate is for another name than the endpoint's, so another server answers",
            "compare the endpoint with the Keys page of the resource, and check DNS and proxy of this host",
        ),
        ConnectFailure::CertificateNotCurrent => (
            "the certificate of the endpoint has expired or is not valid yet, or the clock of this machine is wrong",
            "set the clock and synchronize it with NTP; if it is right, renew the certificate of the proxy or test server",
        ),
        ConnectFailure::Tls => {
            ("the server of the endpoint does not speak TLS, or a proxy breaks it", COMPARE_ENDPOINT)
        }
        ConnectFailure::Other => (
            "a firewall, a proxy or a private network blocks the connection",
            "compare the endpoint with the Keys page of the resource, and run acs-tokens check on the host of this service",
        ),
    };
    Remedy { likely_cause: likely_cause.into(), remedy: remedy.into() }
}

fn no_root_certificates() -> Remedy {
    let error = check_root_certificates().err();
    Remedy {
        likely_cause: error.map_or("no root certificates were found".into(), |error| error.to_string().into()),
        remedy: "correct the root certificates and restart".into(),
    }
}

/// Returns the remedy for a clock that makes signatures invalid.
fn wrong_clock(error: &ServiceError, credential: CredentialKind) -> Option<Remedy> {
    let skew = error.clock_skew.filter(|skew| skew.abs() > MAX_CLOCK_SKEW)?;
    let refused = matches!(error.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
    (refused && credential == CredentialKind::Key).then(|| Remedy {
        likely_cause: format!("the clock of this machine is {}; signatures allow 300 s", describe_skew(skew)).into(),
        remedy: "set the clock and synchronize it with NTP".into(),
    })
}

fn denied(error: &ServiceError, credential: CredentialKind) -> Remedy {
    if let Some(remedy) = wrong_clock(error, credential) {
        return remedy;
    }
    match credential {
        CredentialKind::Key => Remedy {
            likely_cause: "the access key is not a current key of the resource, or local authentication is turned off"
                .into(),
            remedy: "copy key and endpoint from the Keys page of one resource; if keys are turned off, set only the \
                     endpoint and use an Entra identity"
                .into(),
        },
        CredentialKind::Entra => Remedy {
            likely_cause: "the identity has no role on the resource, or the role was assigned minutes ago, or the token is for \
                           another tenant"
                .into(),
            remedy: "assign the role 'Communication and Email Service Owner' or Contributor on the ACS resource, wait up to \
                     10 minutes, and check AZURE_CLIENT_ID and AZURE_TENANT_ID"
                .into(),
        },
    }
}

fn api_version(error: &ServiceError) -> Remedy {
    let remedy = "unset COMMUNICATION_SERVICES_API_VERSION, or set a version that ACS supports";
    Remedy {
        likely_cause: "ACS rejected the api-version".into(),
        remedy: match &error.supported_versions {
            Some(versions) => format!("{remedy}: {versions}").into(),
            None => remedy.into(),
        },
    }
}

/// Describes a difference between clocks, such as `412 s ahead of ACS's`.
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
    fn errors_for_the_operator_have_a_cause_and_a_remedy() {
        use CredentialKind::{Entra, Key};

        let invalid = Error::InvalidResponse { status: StatusCode::FOUND, reason: InvalidResponseReason::Status };
        let versions = Some("2023-10-01, 2025-06-30");
        for (error, credential, cause, todo) in [
            (service(401, "Denied", Some(2), None), Key, "not a current key", "copy key and endpoint"),
            (service(401, "Denied", None, None), Key, "not a current key", "copy key and endpoint"),
            (service(401, "Denied", Some(-412), None), Key, "is 412 s behind ACS's", "set the clock"),
            (service(401, "", Some(301), None), Key, "is 301 s ahead of ACS's", "set the clock"),
            (service(403, "Denied", None, None), Key, "local authentication is turned off", "Entra identity"),
            // Not errors of ACS.
            (service(403, "", None, None), Key, "a proxy", "compare the endpoint"),
            (service(404, "NotFound", Some(500), None), Key, "a proxy", "compare the endpoint"),
            // The validity of an Entra token does not depend on the clock of this machine.
            (service(401, "Denied", Some(412), None), Entra, "assigned minutes ago", "assign the role"),
            (service(429, "TooManyRequests", None, None), Key, "limits", "reuse tokens"),
            (service(400, "UnsupportedApiVersion", None, versions), Key, "api-version", "supports: 2023-10-01, 2025"),
            (service(400, "UnsupportedApiVersion", None, None), Key, "api-version", "that ACS supports"),
            (Error::TimedOut, Key, "ACS is slow", "status.azure.com"),
            (invalid, Key, "a proxy", "compare the endpoint"),
        ] {
            let Remedy { likely_cause, remedy } = remedy(&error, credential).unwrap();
            assert!(likely_cause.contains(cause) && remedy.contains(todo), "{error:?}: {likely_cause}; {remedy}");
        }
    }

    #[test]
    fn errors_for_the_caller_have_none() {
        for (status, code) in [
            (401, "IdentityNotOwned"),
            (404, "IdentityNotFound"),
            (401, "InvalidAccessToken"),
            (400, "ValidationError"),
            (500, ""),
        ] {
            assert_eq!(remedy(&service(status, code, Some(500), None), CredentialKind::Key), None, "{code}");
        }
    }
}
