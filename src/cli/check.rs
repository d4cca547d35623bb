//! `acs-tokens check`: every setting and where it comes from, and whether ACS takes what they say.

mod report;

use std::time::{Duration, Instant};

use acs_identity::{Accepted, Endpoint, Error, ErrorKind, ServiceError, causes, types::ApiVersion};
use clap::{Args, ValueEnum};

use super::{Result, say};
use crate::{
    acs_client::AcsSettings,
    config::EnvReader,
    remedy::{CredentialKind, MAX_CLOCK_SKEW, describe_skew, remedy},
};
use report::{Finding, Report};

/// How to tell it.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The form of the answer
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Output {
    Text,
    Json,
}

/// A check is waited for by a person.
const DEADLINE: Duration = Duration::from_secs(10);

pub(super) async fn run(options: Options) -> Result<()> {
    let mut settings = EnvReader::new(&|name| std::env::var_os(name));
    let acs = settings.acs();
    let _ = settings.log_filter();
    let _ = settings.directory();
    // The Functions host checks callers itself; only `serve` has to be told.
    if settings.names_callers() {
        let callers = settings.callers();
        let _ = settings.rules(callers.as_ref());
    }
    let mut report = Report { endpoint: None, settings: settings.found(), findings: Vec::new() };
    if let Ok(acs) = settings.finish(acs) {
        report.endpoint = Some(acs.endpoint.to_string());
        report.findings = examine(AcsSettings { deadline: DEADLINE, ..acs }).await?;
    }
    say(&match options.output {
        Output::Text => report.to_text(),
        Output::Json => report.to_json(),
    });
    match report.failures() {
        0 => Ok(()),
        1 => Err("one thing is wrong".into()),
        n => Err(format!("{n} things are wrong").into()),
    }
}

/// Asks ACS, by a call that changes nothing.
async fn examine(settings: AcsSettings) -> Result<Vec<Finding>> {
    let (endpoint, version) = (settings.endpoint.clone(), settings.api_version.clone());
    let credential = settings.credential.kind();
    let client = settings.client()?;
    let resolved = resolve(&endpoint).await;
    let start = Instant::now();
    let probed = client.verify_credential().await;
    let took = start.elapsed();
    let mut findings = vec![resolved];
    findings.extend(match &probed {
        Ok(accepted) => accepted_by(accepted, &version, took),
        Err(Error::Service(error)) => refused(credential, &probed, error, took),
        Err(error @ Error::Credential(_)) => {
            let unknown = |name| Finding::unknown(name, "nothing was sent without a credential");
            let failed = Finding::failed("credential", causes(error)).with_remedy(remedy(error, credential));
            vec![unknown("answer"), unknown("clock"), failed, unknown("api-version")]
        }
        Err(error) => {
            let unknown = "ACS did not answer";
            let failed = Finding::failed("answer", causes(error)).with_remedy(remedy(error, credential));
            let rest = ["clock", "credential", "api-version"].map(|name| Finding::unknown(name, unknown));
            [failed].into_iter().chain(rest).collect()
        }
    });
    Ok(findings)
}

async fn resolve(endpoint: &Endpoint) -> Finding {
    let url = endpoint.url();
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    match tokio::net::lookup_host((host, url.port_or_known_default().unwrap_or(443))).await {
        Ok(addresses) => {
            let mut addresses: Vec<String> = addresses.map(|address| address.ip().to_string()).collect();
            addresses.dedup();
            Finding::good("name", format!("{host} is {}", addresses.join(", ")))
        }
        Err(error) => Finding::failed("name", format!("{host} does not resolve: {error}")),
    }
}

fn accepted_by(accepted: &Accepted, version: &ApiVersion, took: Duration) -> Vec<Finding> {
    let listed = accepted.supported_versions.as_deref().unwrap_or_default();
    let listed = listed.split(',').any(|listed| listed.trim() == version.as_str());
    let list = if listed { ", and ACS lists it" } else { ", though ACS does not list it" };
    vec![
        answered(took),
        clock(accepted.clock_skew),
        Finding::good("credential", "accepted".to_owned()),
        Finding::good("api-version", format!("{} is accepted{list}", version.as_str())),
    ]
}

fn refused(
    kind: CredentialKind,
    probed: &std::result::Result<Accepted, Error>,
    error: &ServiceError,
    took: Duration,
) -> Vec<Finding> {
    let failed = |name| {
        let remedy = probed.as_ref().err().and_then(|error| remedy(error, kind));
        Finding::failed(name, error.to_string()).with_remedy(remedy)
    };
    let status = error.status.as_u16();
    let (credential, version) = match error.kind {
        ErrorKind::UnsupportedApiVersion => {
            (Finding::unknown("credential", "ACS looks at the api-version first"), failed("api-version"))
        }
        ErrorKind::Other if !matches!(status, 401 | 403) => {
            let unknown = |name| Finding::unknown(name, "ACS answers with another error");
            return vec![failed("answer"), clock(error.clock_skew), unknown("credential"), unknown("api-version")];
        }
        ErrorKind::Denied | ErrorKind::IdentityNotOwned | ErrorKind::InvalidAccessToken | ErrorKind::Other => {
            (failed("credential"), Finding::unknown("api-version", "ACS looks at the credential first"))
        }
    };
    vec![answered(took), clock(error.clock_skew), credential, version]
}

fn answered(took: Duration) -> Finding {
    Finding::good("answer", format!("in {} ms, with connecting", took.as_millis()))
}

fn clock(skew: Option<jiff::SignedDuration>) -> Finding {
    match skew {
        None => Finding::unknown("clock", "the answer has no Date"),
        Some(skew) if skew.abs() > MAX_CLOCK_SKEW => {
            Finding::failed("clock", format!("{}; signatures allow 300 s", describe_skew(skew)))
        }
        Some(skew) => Finding::good("clock", describe_skew(skew)),
    }
}
