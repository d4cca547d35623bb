//! The command line: `acs-tokens dev`, `serve`, `emulator`, `quickstart`, `check`, `directory`.

mod check;
#[cfg(feature = "emulator")]
mod data;
#[cfg(feature = "emulator")]
mod dev;
mod directory;
#[cfg(feature = "emulator")]
mod emulator;
mod quickstart;
mod serve;

use std::{
    error::Error,
    io::{self, Write as _},
    net::SocketAddr,
    process::ExitCode,
};

use clap::{Parser, Subcommand};
use tokio::net::TcpListener;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Identities and access tokens for Azure Communication Services
#[derive(Debug, Parser)]
#[command(version, disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the functions with an emulator of ACS beside them (the default)
    #[cfg(feature = "emulator")]
    Dev(dev::Options),
    /// Serve the functions alone, with settings from the environment
    Serve(serve::Options),
    /// Serve the emulator of ACS alone
    #[cfg(feature = "emulator")]
    Emulator(emulator::Options),
    /// Walk Microsoft's quickstart through the functions and print its transcript
    Quickstart(quickstart::Options),
    /// Tell what the settings are and whether they work
    Check(check::Options),
    /// Export, show and repair the records of the user directory
    Directory(directory::Options),
}

/// Runs the command that the arguments name. Exits with 2 on wrong arguments, with 1 on any other failure.
pub async fn run() -> ExitCode {
    let done = match Arguments::parse().command {
        #[cfg(feature = "emulator")]
        None => dev::run(dev::Options::default()).await,
        #[cfg(not(feature = "emulator"))]
        None => serve::run(serve::Options::default()).await,
        #[cfg(feature = "emulator")]
        Some(Command::Dev(options)) => dev::run(options).await,
        Some(Command::Serve(options)) => serve::run(options).await,
        #[cfg(feature = "emulator")]
        Some(Command::Emulator(options)) => emulator::run(options).await,
        Some(Command::Quickstart(options)) => quickstart::run(options).await,
        Some(Command::Check(options)) => check::run(options).await,
        Some(Command::Directory(options)) => directory::run(options).await,
    };
    done.map_or_else(
        |error| {
            eprint(&format!("error: {error}"));
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    )
}

/// Prints to stdout. Whoever closed it wants no more of it.
fn say(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}

/// Prints to stderr, where it stays out of what is piped on.
fn eprint(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// A listener, or an error that names the flag to change.
async fn listen(host: &str, port: u16, flag: &str) -> Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((host, port)).await.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => format!("port {port} is in use; choose another with {flag}, 0 for any free one"),
        _ => format!("cannot listen on {host}:{port}: {error}"),
    })?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Ends when the process is asked to: Ctrl+C, or SIGTERM as containers send it.
async fn asked_to_stop() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    if let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        tokio::select! {
            _ = interrupt => {}
            _ = terminate.recv() => {}
        }
        return;
    }
    let _ = interrupt.await;
}
