//! `acs-tokens check`: lists the settings and checks whether ACS, the issuers and the user directory work with them.

mod acs;
mod directory;
mod issuers;
mod policy;
mod report;

use clap::{Args, ValueEnum};

use super::{Result, env_reader, print};
use crate::config::{Config, Program, unknown_settings};
use report::{Finding, Report};

/// The options of `check`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The program to check the settings of; by default `serve`, or `handler` if no setting says how callers are
    /// authenticated
    #[arg(long = "for", value_enum, value_name = "PROGRAM")]
    program: Option<ProgramName>,
    /// The format of the report
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ProgramName {
    Handler,
    Bootstrap,
    Serve,
}

impl From<ProgramName> for Program {
    fn from(name: ProgramName) -> Self {
        match name {
            ProgramName::Handler => Self::Functions,
            ProgramName::Bootstrap => Self::Lambda,
            ProgramName::Serve => Self::Server,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Output {
    Text,
    Json,
}

pub(super) async fn run(options: Options) -> Result<()> {
    let report = examine(options.program.map(Program::from)).await?;
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

async fn examine(chosen: Option<Program>) -> Result<Report> {
    let mut env = env_reader();
    let listed = chosen.unwrap_or(Program::Server);
    env.check_values(listed.name());
    // The hosts of the other programs choose their ports.
    if listed == Program::Server {
        let _ = (env.port(listed), env.cors(), env.limits());
    }
    // Without these settings, the Functions host authenticates callers.
    let guessed = if env.names_callers() { Program::Server } else { Program::Functions };
    let config = Config::read(chosen.unwrap_or(guessed), &mut env);
    let settings = env.found(listed.name());
    let mut warnings = unknown_settings(std::env::vars_os().map(|(name, _)| name));
    warnings.extend_from_slice(env.warnings());
    Ok(match env.finish(config) {
        Ok(config) => Report::new(Some(config.client.endpoint.to_string()), settings, warnings, check(config).await),
        Err(_) => Report::new(None, settings, warnings, Vec::new()),
    })
}

async fn check(config: Config) -> Vec<Finding> {
    let policy = policy::examine(&config.access.policy);
    let bearer = config.authenticator.bearer;
    let (acs, issuers, directory) = tokio::join!(
        acs::examine(config.client),
        issuers::examine(bearer.as_ref()),
        directory::examine(config.directory.as_ref())
    );
    [acs, issuers, directory, policy].concat()
}
