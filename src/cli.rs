//! The command line, `acs-tokens`: one module for each command.

mod app;
mod check;
mod confirm;
#[cfg(feature = "emulator")]
mod dev;
mod directory;
#[cfg(feature = "emulator")]
mod emulator;
mod guests;
mod health;
mod identity;
mod manual;
mod output;
mod ports;
mod quickstart;
mod secret;
mod serve;
mod target;
mod teams_phone;
mod token;

use std::{
    error::Error,
    ffi::OsString,
    io::{self, Write as _},
    process::ExitCode,
};

use acs_identity::causes;
use clap::{
    Parser, Subcommand,
    builder::styling::{AnsiColor, Style},
};

use crate::{
    config::{EnvReader, unknown_settings},
    remedy::{CredentialKind, remedy},
    server::shutdown_signal,
};
use ports::listen;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// The command that runs if the arguments name none. It is the same in every build.
const DEFAULT: &str = "dev";

/// Exit code for invalid arguments, as clap has it.
const USAGE: u8 = 2;

const MORE: &str = "Without a command, acs-tokens runs `dev`, also with its options: acs-tokens --port 19071\n\
                    Exit codes: 0 done, 1 failed, 2 invalid arguments. More: docs/cli.md";

/// Identities and access tokens for Azure Communication Services
#[derive(Debug, Parser)]
#[command(name = "acs-tokens", version, disable_help_subcommand = true, override_usage = "acs-tokens [COMMAND] [OPTIONS]", after_help = MORE)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the functions together with an emulator of ACS (the default)
    #[cfg(feature = "emulator")]
    Dev(dev::Options),
    #[cfg(not(feature = "emulator"))]
    #[command(hide = true)]
    Dev(WithoutEmulator),
    /// Serve the functions with the settings from the environment
    Serve(serve::Options),
    /// Serve the emulator of ACS
    #[cfg(feature = "emulator")]
    Emulator(emulator::Options),
    /// Create and delete identities
    Identity(identity::Options),
    /// Issue, exchange, revoke and decode access tokens
    Token(token::Options),
    /// Run Microsoft's quickstart against the functions and print the transcript
    Quickstart(quickstart::Options),
    /// Ask the functions or the emulator whether they are alive, for containers without a shell
    Health(health::Options),
    /// List the settings and check whether they work
    Check(check::Options),
    /// Export, import, show and repair the records of the user directory, block users, and revoke tokens
    Directory(directory::Options),
    /// Delete the identities of guests whose time is over
    Guests(guests::Options),
    /// Assign users of Teams Phone to the ACS resource
    TeamsPhone(teams_phone::Options),
    Completions(manual::Completions),
    Man(manual::Pages),
}

/// The arguments of `dev` in a build without the emulator. None of them is used.
#[cfg(not(feature = "emulator"))]
#[derive(Debug, clap::Args)]
struct WithoutEmulator {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    _arguments: Vec<OsString>,
}

/// An error in the arguments that is found after they were parsed.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct UsageError(String);

/// Runs the command that the arguments name. Exits with 2 on invalid arguments and with 1 on any other failure.
pub async fn run() -> ExitCode {
    let result = match Arguments::parse_from(with_default(std::env::args_os().collect())).command {
        #[cfg(feature = "emulator")]
        Command::Dev(options) => dev::run(options).await,
        #[cfg(not(feature = "emulator"))]
        Command::Dev(_) => {
            let error = "this build has no emulator, which `dev` needs; use `acs-tokens serve`, or a build with the \
                         feature `emulator`";
            Err(UsageError(error.to_owned()).into())
        }
        Command::Serve(options) => serve::run(options).await,
        #[cfg(feature = "emulator")]
        Command::Emulator(options) => emulator::run(options).await,
        Command::Identity(options) => identity::run(options).await,
        Command::Token(options) => token::run(options).await,
        Command::Quickstart(options) => quickstart::run(options).await,
        Command::Health(options) => health::run(options).await,
        Command::Check(options) => check::run(options).await,
        Command::Directory(options) => directory::run(options).await,
        Command::Guests(options) => guests::run(options).await,
        Command::TeamsPhone(options) => teams_phone::run(options).await,
        Command::Completions(options) => manual::completions(&options),
        Command::Man(options) => manual::pages(&options),
    };
    let Err(error) = result else { return ExitCode::SUCCESS };
    let style = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
    let _ = writeln!(anstream::stderr(), "{style}error:{style:#} {error}");
    if error.is::<UsageError>() { ExitCode::from(USAGE) } else { ExitCode::FAILURE }
}

/// Adds the default command if the arguments name none.
fn with_default(mut arguments: Vec<OsString>) -> Vec<OsString> {
    let is_general = |option: &OsString| ["-h", "--help", "-V", "--version"].iter().any(|general| option == general);
    let is_command = |argument: &OsString| !argument.to_string_lossy().starts_with('-') || is_general(argument);
    if !arguments.get(1).is_some_and(is_command) {
        arguments.insert(arguments.len().min(1), DEFAULT.into());
    }
    arguments
}

/// Prints a line to stdout. Ignores a closed pipe.
fn print(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}

/// Prints a line to stderr, which keeps it out of piped output.
fn eprint(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Prints names and values to stderr, with bold names on a terminal that has colours.
fn eprint_fields(fields: &[(&str, String)]) {
    let width = fields.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let bold = Style::new().bold();
    for (name, value) in fields {
        let _ = writeln!(anstream::stderr(), "{bold}{name:<width$}{bold:#}  {value}");
    }
}

/// Returns the causes of an error of ACS, with the likely cause and the remedy if they are known.
fn explain_acs(error: &acs_identity::Error, kind: CredentialKind) -> String {
    let causes = causes(error);
    match remedy(error, kind) {
        Some(known) => format!("{causes}; {}; {}", known.likely_cause, known.remedy),
        None if error.is_identity_gone() => {
            format!("{causes}; the identity was deleted, or is of another resource; create one with `identity create`")
        }
        None => causes,
    }
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn arguments_are_defined_without_conflicts() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_default_command_takes_options_without_its_name() {
        for (given, expected) in [
            (&["acs-tokens"][..], &["acs-tokens", "dev"][..]),
            (&["acs-tokens", "--port", "19071"], &["acs-tokens", "dev", "--port", "19071"]),
            (&["acs-tokens", "-x"], &["acs-tokens", "dev", "-x"]),
            (&["acs-tokens", "--help"], &["acs-tokens", "--help"]),
            (&["acs-tokens", "-V"], &["acs-tokens", "-V"]),
            (&["acs-tokens", "serve", "--port", "1"], &["acs-tokens", "serve", "--port", "1"]),
            (&[], &["dev"]),
        ] {
            let given = with_default(given.iter().map(OsString::from).collect());
            assert_eq!(given, expected.iter().map(OsString::from).collect::<Vec<_>>());
        }
    }
}
