//! `handler`: the functions as a custom handler of the Azure Functions host.
//!
//! <https://learn.microsoft.com/azure/azure-functions/functions-custom-handlers>

use std::{error::Error, process::ExitCode};

use acs_tokens::{config::Program, server::shutdown_signal, startup};
use tokio::net::TcpListener;

/// The exit code after a signal, as shells report SIGTERM. The host does not restart a handler that exits with 0.
const STOPPED: u8 = 128 + 15;

/// One thread is enough: an instance has at most two cores, and requests mostly wait for ACS.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::from(STOPPED),
        Err(error) => startup::finish(Err(error)),
    }
}

async fn run() -> Result<(), Box<dyn Error + Send + Sync>> {
    let app = startup::start(Program::Functions)?;
    // The host connects over IPv4 loopback.
    let listener = TcpListener::bind(("127.0.0.1", app.port)).await?;
    // The host kills the process, but a container or Ctrl+C in a terminal asks it to stop.
    app.serve(listener, shutdown_signal()).await;
    Ok(())
}
