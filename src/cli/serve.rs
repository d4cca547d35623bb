//! `acs-tokens serve`: the functions as a plain server.

use std::net::IpAddr;

use clap::Args;

use super::{Result, listen, ports, shutdown_signal};
use crate::{config::Program, startup};

/// The address to serve on.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The address to listen on; 0.0.0.0 in a container
    #[arg(long, default_value = "127.0.0.1")]
    host: IpAddr,
    /// The port, 0 for any free port; by default the variable PORT, or 8080
    #[arg(long)]
    port: Option<u16>,
}

pub(super) async fn run(Options { host, port }: Options) -> Result<()> {
    let app = startup::start(Program::Server)?;
    let (host, port) = (host.to_string(), port.unwrap_or(app.port));
    ports::check(&host, &[("--port", port)], Vec::new)?;
    let (listener, address) = listen(&host, port, "--port").await?;
    let shutdown = shutdown_signal();
    tracing::info!(%address, endpoint = %app.endpoint, "serving");
    app.serve(listener, shutdown).await;
    Ok(())
}
