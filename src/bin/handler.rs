//! `handler`: the functions as a custom handler of the Azure Functions host.
//!
//! <https://learn.microsoft.com/azure/azure-functions/functions-custom-handlers>

use std::{error::Error, process::ExitCode};

use acs_tokens::{
    access::AccessRules,
    acs_client::{self, AcsSettings},
    auth::Authenticator,
    config::EnvReader,
    directory,
    functions::Services,
    http::router_with,
    server, telemetry,
};
use tokio::net::TcpListener;

fn main() -> ExitCode {
    let mut settings = EnvReader::new(&|name| std::env::var_os(name));
    telemetry::init(settings.log_filter());
    let (port, acs, callers) = (settings.handler_port(), settings.acs(), settings.callers_behind_host());
    let rules = settings.rules(Some(&callers));
    let directory = settings.directory();
    let config = settings.finish(port.zip(acs).zip(rules.zip(directory)));
    let ran = config
        .map_err(Into::into)
        .and_then(|((port, acs), (rules, directory))| run(port, acs, directory.as_ref(), &callers, rules));
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(cause = %error, "cannot start");
            // The host restarts a handler that fails; one that exits with 0 it leaves dead.
            ExitCode::FAILURE
        }
    }
}

/// One thread serves: an instance has at most two cores, and the work is waiting for ACS.
#[tokio::main(flavor = "current_thread")]
async fn run(
    port: u16,
    acs: AcsSettings,
    directory: Option<&directory::DirectorySettings>,
    callers: &Authenticator,
    rules: AccessRules,
) -> Result<(), Box<dyn Error>> {
    // The host asks on IPv4 loopback, and nobody else shall.
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let acs = acs.client()?;
    let services = Services::open(acs.clone(), directory)?;
    let app = router_with(services, callers, rules);
    // Beside the first request, not before it.
    tokio::spawn(acs_client::warm_up(acs));
    // The host never asks for an end; it kills.
    server::run(listener, app, std::future::pending()).await?;
    Ok(())
}
