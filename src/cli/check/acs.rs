//! Checks that ACS accepts the credential and the api-version.

use std::time::{Duration, Instant};

use acs_identity::{Accepted, ApiVersion, Endpoint, Error, ErrorKind, ServiceError, causes};

use super::report::Finding;
use crate::{
    acs_client::AcsSettings,
    remedy::{MAX_CLOCK_SKEW, Remedy, describe_skew, remedy},
};

/// A user waits for the result.
const DEADLINE: Duration = Duration::from_secs(10);

/// Sends a request to ACS that changes nothing.
pub(super) async fn examine(settings: AcsSettings) -> Vec<Finding> {
    let name = resolve(&settings.endpoint).await;
    let (version, kind) = (settings.api_version.clone(), settings.credential.kind());
    let client = match (AcsSettings { deadline: DEADLINE, ..settings }).client() {
        Ok(client) => client,
        Err(error) => return vec![name, Finding::failed("answer", error.to_string(), None)],
    };
    let start = Instant::now();
    let result = client.verify_credential().await;
    let answered = Finding::ok("answer", format!("in {} ms, including the connection", start.elapsed().as_millis()));
    let remedy = result.as_ref().err().and_then(|error| remedy(error, kind));
    let [answer, clock, credential, version] = match &result {
        Ok(accepted) => {
            let credential = Finding::ok("credential", "accepted".to_owned());
            [answered, clock(accepted.clock_skew), credential, supported(accepted, &version)]
        }
        Err(Error::Service(error)) => rejected(answered, error, remedy),
        Err(error @ Error::Credential(_)) => {
            let unknown = |name| Finding::unknown(name, "no request was sent without a credential");
            let credential = Finding::failed("credential", causes(error), remedy);
            [unknown("answer"), unknown("clock"), credential, unknown("api-version")]
        }
        Err(error) => {
            let unknown = |name| Finding::unknown(name, "ACS did not respond");
            let answer = Finding::failed("answer", causes(error), remedy);
            [answer, unknown("clock"), unknown("credential"), unknown("api-version")]
        }
    };
    vec![name, answer, clock, credential, version]
}

async fn resolve(endpoint: &Endpoint) -> Finding {
    let url = endpoint.url();
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    match tokio::net::lookup_host((host, url.port_or_known_default().unwrap_or(443))).await {
        Ok(addresses) => {
            let mut addresses: Vec<String> = addresses.map(|address| address.ip().to_string()).collect();
            addresses.dedup();
            Finding::ok("name", format!("{host} resolves to {}", addresses.join(", ")))
        }
        Err(error) => Finding::failed("name", format!("{host} does not resolve: {error}"), None),
    }
}

fn supported(accepted: &Accepted, version: &ApiVersion) -> Finding {
    let listed = accepted.supported_versions.as_deref().unwrap_or_default();
    let is_listed = listed.split(',').any(|listed| listed.trim() == version.as_str());
    let list = if is_listed { "and ACS lists it" } else { "but ACS does not list it" };
    Finding::ok("api-version", format!("{} is accepted, {list}", version.as_str()))
}

fn rejected(answered: Finding, error: &ServiceError, remedy: Option<Remedy>) -> [Finding; 4] {
    let clock = clock(error.clock_skew);
    let failed = |name| Finding::failed(name, error.to_string(), remedy);
    match error.kind {
        ErrorKind::UnsupportedApiVersion => {
            let credential = Finding::unknown("credential", "ACS checks the api-version first");
            [answered, clock, credential, failed("api-version")]
        }
        ErrorKind::Other
        | ErrorKind::Throttled
        | ErrorKind::Failed
        | ErrorKind::ValidationError
        | ErrorKind::LicenseMissing
        | ErrorKind::SubscriptionNotAllowed
        | ErrorKind::NotAssigned
        | ErrorKind::ServicePrincipalMissing
        | ErrorKind::AssignmentNotFound => {
            let unknown = |name| Finding::unknown(name, "ACS returned another error");
            [failed("answer"), clock, unknown("credential"), unknown("api-version")]
        }
        ErrorKind::Denied
        | ErrorKind::IdentityNotOwned
        | ErrorKind::IdentityNotFound
        | ErrorKind::InvalidAccessToken => {
            let version = Finding::unknown("api-version", "ACS checks the credential first");
            [answered, clock, failed("credential"), version]
        }
    }
}

fn clock(skew: Option<jiff::SignedDuration>) -> Finding {
    match skew {
        None => Finding::unknown("clock", "the response has no Date header"),
        Some(skew) if skew.abs() > MAX_CLOCK_SKEW => {
            Finding::failed("clock", format!("{}; a signature is valid for 300 s", describe_skew(skew)), None)
        }
        Some(skew) => Finding::ok("clock", describe_skew(skew)),
    }
}
