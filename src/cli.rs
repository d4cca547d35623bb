//! The command line: `acs-tokens dev`, `serve`, `emulator`, `quickstart`, `check`, `directory`,
//! `guests`, `teams-phone`.

mod check;
#[cfg(feature = "emulator")]
mod dev;
mod directory;
#[cfg(feature = "emulator")]
mod emulator;
mod guests;
mod quickstart;
mod serve;
mod teams_phone;

use std::{
    error::Error,
    ffi::OsString,
    io::{self, Write as _},
    net::SocketAddr,
    process::ExitCode,
};

use clap::{Parser, Subcommand};
use tokio::net::TcpListener;

use crate::{
    config::{EnvReader, unknown_settings},
    server::shutdown_signal,
};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// The command that runs if the arguments name none.
const DEFAULT: &str = if cfg!(feature = "emulator") { "dev" } else { "serve" };

/// Identities and access tokens for Azure Communication Services
#[derive(Debug, Parser)]
#[command(version, disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the functions together with an emulator of ACS (the default)
    #[cfg(feature = "emulator")]
    Dev(dev::Options),
    /// Serve the functions with the settings from the environment
    Serve(serve::Options),
    /// Serve the emulator of ACS
    #[cfg(feature = "emulator")]
    Emulator(emulator::Options),
    /// Run Microsoft's quickstart against the functions and print the transcript
    Quickstart(quickstart::Options),
    /// List the settings and check whether they work
    Check(check::Options),
    /// Export, show and repair the records of the user directory, block users, and revoke tokens
    Directory(directory::Options),
    /// Delete the identities of guests whose time is over
    Guests(guests::Options),
    /// Assign users of Teams Phone to the ACS resource
    TeamsPhone(teams_phone::Options),
}

/// Runs the command that the arguments name. Exits with 2 on invalid arguments and with 1 on any other failure.
pub async fn run() -> ExitCode {
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    if arguments.len() == 1 {
        arguments.push(DEFAULT.into());
    }
    let result = match Arguments::parse_from(arguments).command {
        #[cfg(feature = "emulator")]
        Command::Dev(options) => dev::run(options).await,
        Command::Serve(options) => serve::run(options).await,
        #[cfg(feature = "emulator")]
        Command::Emulator(options) => emulator::run(options).await,
        Command::Quickstart(options) => quickstart::run(options).await,
        Command::Check(options) => check::run(options).await,
        Command::Directory(options) => directory::run(options).await,
        Command::Guests(options) => guests::run(options).await,
        Command::TeamsPhone(options) => teams_phone::run(options).await,
    };
    if let Err(error) = result {
        eprint(&format!("error: {error}"));
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Prints a line to stdout. Ignores a closed pipe.
fn print(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}

/// Prints a line to stderr, which keeps it out of piped output.
fn eprint(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Returns the value of an environment variable.
fn env_var(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// Returns a reader of the environment.
fn env_reader() -> EnvReader<'static> {
    EnvReader::new(&env_var).with_names(std::env::vars_os().map(|(name, _)| name))
}

/// Prints a warning for each variable whose name resembles a setting.
fn warn_of_unknown_settings() {
    let names = std::env::vars_os().map(|(name, _)| name);
    for warning in unknown_settings(names) {
        eprint(&format!("warning: {warning}"));
    }
}

/// Listens on an address. The error names the option that sets the port.
async fn listen(host: &str, port: u16, option: &str) -> Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((host, port)).await.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => format!("port {port} is in use; choose another with {option}, 0 for any free port"),
        _ => format!("cannot listen on {host}:{port}: {error}"),
    })?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}
