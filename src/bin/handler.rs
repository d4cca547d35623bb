//! `handler`: the functions as a custom handler of the Azure Functions host.
//!
//! <https://learn.microsoft.com/azure/azure-functions/functions-custom-handlers>

use std::{error::Error, process::ExitCode};

use acs_tokens::{config::Program, server, startup};
use tokio::net::TcpListener;

/// One thread is enough: an instance has at most two cores, and requests mostly wait for ACS.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    startup::finish(run().await)
}

async fn run() -> Result<(), Box<dyn Error + Send + Sync>> {
    let app = startup::start(Program::Functions)?;
    // The host connects over IPv4 loopback.
    let listener = TcpListener::bind(("127.0.0.1", app.port)).await?;
    // The host does not ask the handler to stop; it kills the process.
    Ok(server::run(listener, app.router, std::future::pending()).await?)
}
