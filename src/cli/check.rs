//! `acs-tokens check`: lists the settings and checks whether ACS accepts them.

mod report;

use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};

use super::{Result, env_var, print};
use crate::{
    acs::{
        self, Accepted, Client, Error,
        error::{Kind, ServiceError, causes},
        remedy::{MAX_CLOCK_SKEW, describe_skew},
        types::ApiVersion,
    },
    config::{EnvReader, Program},
};
use report::{Finding, Report};

/// How to print the report.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The format of the report
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Output {
    Text,
    Json,
}

/// A user waits for the result.
const DEADLINE: Duration = Duration::from_secs(10);

pub(super) async fn run(options: Options) -> Result<()> {
    let mut env = EnvReader::new(&env_var);
    let client = env.client();
    let _ = (env.log_filter(Program::Server), env.directory());
    // Without these settings, the Functions host authenticates callers.
    let program = if env.names_callers() { Program::Server } else { Program::Functions };
    let authenticator = env.authenticator(program);
    let _ = (env.access(authenticator.as_ref()), env.cors());
    let mut report = Report { endpoint: None, settings: env.found(), findings: Vec::new() };
    if let Ok(client) = env.finish(client) {
        report.endpoint = Some(client.endpoint.to_string());
        report.findings = examine(acs::ClientOptions { deadline: DEADLINE, ..client }).await?;
    }
    print(&match options.output {
        Output::Text => report.to_text(),
        Output::Json => report.to_json(),
    });
    match report.failures() {
        0 => Ok(()),
        1 => Err("1 problem found".into()),
        n => Err(format!("{n} problems found").into()),
    }
}

/// Sends a request to ACS that changes nothing.
async fn examine(settings: acs::ClientOptions) -> Result<Vec<Finding>> {
    let (endpoint, version) = (settings.endpoint.clone(), settings.api_version.clone());
    let client = Client::new(settings)?;
    let resolved = resolve(&endpoint).await;
    let start = Instant::now();
    let result = client.probe().await;
    let took = start.elapsed();
    let mut findings = vec![resolved];
    findings.extend(match &result {
        Ok(answer) => accepted(answer, &version, took),
        Err(Error::Service(error)) => rejected(&client, &result, error, took),
        Err(error @ Error::Credential(_)) => {
            let unknown = |name| Finding::unknown(name, "no request was sent without a credential");
            let failed = Finding::failed("credential", causes(error)).with_remedy(client.remedy(error));
            vec![unknown("answer"), unknown("clock"), failed, unknown("api-version")]
        }
        Err(error) => {
            let unknown = "ACS did not respond";
            let failed = Finding::failed("answer", causes(error)).with_remedy(client.remedy(error));
            let rest = ["clock", "credential", "api-version"].map(|name| Finding::unknown(name, unknown));
            [failed].into_iter().chain(rest).collect()
        }
    });
    Ok(findings)
}

async fn resolve(endpoint: &acs::endpoint::Endpoint) -> Finding {
    let url = endpoint.url();
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    match tokio::net::lookup_host((host, url.port_or_known_default().unwrap_or(443))).await {
        Ok(addresses) => {
            let mut addresses: Vec<String> = addresses.map(|address| address.ip().to_string()).collect();
            addresses.dedup();
            Finding::good("name", format!("{host} resolves to {}", addresses.join(", ")))
        }
        Err(error) => Finding::failed("name", format!("{host} does not resolve: {error}")),
    }
}

fn accepted(answer: &Accepted, version: &ApiVersion, took: Duration) -> Vec<Finding> {
    let listed = answer.supported_versions.as_deref().unwrap_or_default();
    let listed = listed.split(',').any(|listed| listed.trim() == version.as_str());
    let list = if listed { ", and ACS lists it" } else { ", but ACS does not list it" };
    vec![
        answered(took),
        clock(answer.clock_skew),
        Finding::good("credential", "accepted".to_owned()),
        Finding::good("api-version", format!("{} is accepted{list}", version.as_str())),
    ]
}

fn rejected(
    client: &Client,
    result: &std::result::Result<Accepted, Error>,
    error: &ServiceError,
    took: Duration,
) -> Vec<Finding> {
    let failed = |name| {
        let remedy = result.as_ref().err().and_then(|error| client.remedy(error));
        Finding::failed(name, error.to_string()).with_remedy(remedy)
    };
    let status = error.status.as_u16();
    let (credential, version) = match error.kind {
        Kind::ApiVersion => (Finding::unknown("credential", "ACS checks the api-version first"), failed("api-version")),
        Kind::Other if !matches!(status, 401 | 403) => {
            let unknown = |name| Finding::unknown(name, "ACS returned another error");
            return vec![failed("answer"), clock(error.clock_skew), unknown("credential"), unknown("api-version")];
        }
        Kind::Denied | Kind::IdentityNotOwned | Kind::InvalidAccessToken | Kind::Other => {
            (failed("credential"), Finding::unknown("api-version", "ACS checks the credential first"))
        }
    };
    vec![answered(took), clock(error.clock_skew), credential, version]
}

fn answered(took: Duration) -> Finding {
    Finding::good("answer", format!("in {} ms, including the connection", took.as_millis()))
}

fn clock(skew: Option<jiff::SignedDuration>) -> Finding {
    match skew {
        None => Finding::unknown("clock", "the response has no Date header"),
        Some(skew) if skew.abs() > MAX_CLOCK_SKEW => {
            Finding::failed("clock", format!("{}; a signature is valid for 300 s", describe_skew(skew)))
        }
        Some(skew) => Finding::good("clock", describe_skew(skew)),
    }
}
