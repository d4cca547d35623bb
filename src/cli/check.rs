//! `acs-tokens check`: lists the settings and checks whether ACS accepts them.

mod report;

use std::time::{Duration, Instant};

use acs_identity::{Accepted, ApiVersion, Endpoint, Error, ErrorKind, ServiceError, causes};
use clap::{Args, ValueEnum};

use super::{Result, env_reader, print};
use crate::{
    acs_client::AcsSettings,
    config::Program,
    remedy::{MAX_CLOCK_SKEW, Remedy, describe_skew, remedy},
};
use report::{Finding, Report};

/// The options of `check`.
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
    let mut env = env_reader();
    let client = env.client();
    let _ = (env.port(Program::Server), env.log_filter(Program::Server), env.directory());
    // Without these settings, the Functions host authenticates callers.
    let program = if env.names_callers() { Program::Server } else { Program::Functions };
    let authenticator = env.authenticator(program);
    let _ = (env.access(authenticator.as_ref()), env.cors());
    let settings = env.found();
    let report = match env.finish(client) {
        Ok(client) => Report::new(Some(client.endpoint.to_string()), settings, examine(client).await?),
        Err(_) => Report::new(None, settings, Vec::new()),
    };
    print(&match options.output {
        Output::Text => report.to_text(),
        Output::Json => serde_json::to_string_pretty(&report)?,
    });
    match report.problems() {
        0 => Ok(()),
        1 => Err("1 problem found".into()),
        n => Err(format!("{n} problems found").into()),
    }
}

/// Sends a request to ACS that changes nothing.
async fn examine(settings: AcsSettings) -> Result<Vec<Finding>> {
    let name = resolve(&settings.endpoint).await;
    let (version, kind) = (settings.api_version.clone(), settings.credential.kind());
    let client = AcsSettings { deadline: DEADLINE, ..settings }.client()?;
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
    Ok(vec![name, answer, clock, credential, version])
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
        ErrorKind::Other if !matches!(error.status.as_u16(), 401 | 403) => {
            let unknown = |name| Finding::unknown(name, "ACS returned another error");
            [failed("answer"), clock, unknown("credential"), unknown("api-version")]
        }
        ErrorKind::Denied | ErrorKind::IdentityNotOwned | ErrorKind::InvalidAccessToken | ErrorKind::Other => {
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
