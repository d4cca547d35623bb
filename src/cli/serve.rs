//! `acs-tokens serve`: the functions alone, from the environment.

use std::net::IpAddr;

use clap::Args;

use super::{Result, asked_to_stop, listen};
use crate::{acs, auth::BackendAuth, config::EnvReader, functions::Services, http::router_with, server, telemetry};

/// Where to serve.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The address to listen on; 0.0.0.0 for a container
    #[arg(long, default_value = "127.0.0.1")]
    host: IpAddr,
    /// The port, 0 for any free one; else that of the variable PORT, else 8080
    #[arg(long)]
    port: Option<u16>,
}

#[cfg(not(feature = "emulator"))]
impl Default for Options {
    fn default() -> Self {
        Self { host: IpAddr::from([127, 0, 0, 1]), port: None }
    }
}

pub(super) async fn run(Options { host, port }: Options) -> Result<()> {
    let mut settings = EnvReader::new(&|name| std::env::var_os(name));
    telemetry::init(settings.log_filter());
    let (acs, callers, env_port) = (settings.acs(), settings.callers(), settings.port());
    let rules = settings.rules(callers.as_ref());
    let directory = settings.directory();
    let ((acs, callers), ((rules, directory), env_port)) =
        settings.finish(acs.zip(callers).zip(rules.zip(directory).zip(env_port)))?;
    let port = port.unwrap_or(env_port);
    let (listener, address) = listen(&host.to_string(), port, "--port").await?;
    if matches!(callers.backend_auth, BackendAuth::Anyone) {
        tracing::warn!("ALLOW_ANONYMOUS is true: whoever reaches this address gets tokens");
    }
    let endpoint = acs.endpoint.clone();
    let acs = acs::Client::new(acs)?;
    let services = Services::open(acs.clone(), directory.as_ref())?;
    let app = router_with(services, &callers, rules);
    tracing::info!(%address, %endpoint, "serving");
    // Beside the first request, not before it.
    tokio::spawn(async move { acs.warm().await });
    let served = server::run(listener, app, asked_to_stop()).await;
    telemetry::flush().await;
    Ok(served?)
}
