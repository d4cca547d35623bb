//! `acs-tokens token`: issues, exchanges, revokes and decodes access tokens.

mod decode;
mod exchange_teams;
mod issue;
mod revoke;

use std::io::{self, IsTerminal as _};

use acs_identity::{AccessToken, types::format_timestamp};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    Result, eprint, eprint_fields,
    output::{Fields, Output},
    print,
    target::Target,
};

/// The command in the table of settings.
const COMMAND: &str = "token";

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Issue(issue::Options),
    Revoke(revoke::Options),
    ExchangeTeams(exchange_teams::Options),
    Decode(decode::Options),
}

pub(super) async fn run(Options { command }: Options) -> Result<()> {
    match command {
        Command::Issue(options) => issue::run(options).await,
        Command::Revoke(options) => revoke::run(options).await,
        Command::ExchangeTeams(options) => exchange_teams::run(options).await,
        Command::Decode(options) => decode::run(&options),
    }
}

/// The format of a token.
#[derive(Debug, Args)]
struct Format {
    /// The format; by default, the token on stdout and what it allows on stderr
    #[arg(long, short, value_enum, value_name = "FORMAT", conflicts_with = "token_only")]
    output: Option<Output>,
    /// Print the token and nothing else
    #[arg(long)]
    token_only: bool,
}

/// A token, and what it is for.
struct Issued<'a> {
    token: &'a AccessToken,
    /// The fields of the JSON object besides the token and its expiry.
    fields: Vec<(&'static str, Value)>,
    /// The scopes of the token and its identity.
    remarks: Vec<(&'static str, String)>,
    target: &'a Target,
}

impl Issued<'_> {
    /// Prints the token. Remarks go to stderr and come first, so that a pipe gets the token alone.
    fn print(self, format: &Format) -> Result<()> {
        let Self { token, mut fields, mut remarks, target } = self;
        if let Some(output) = format.output {
            fields.push(("expiresOn", json!(format_timestamp(token.expires_on()))));
            fields.push(("token", json!(token.expose())));
            print(&Fields(fields).format(output)?);
            return Ok(());
        }
        if !format.token_only {
            remarks.push(("Until", describe_time(token.expires_on(), Timestamp::now())));
            remarks.push(("From", target.to_string()));
            eprint_fields(&remarks);
            if io::stdout().is_terminal() {
                eprint("");
            }
        }
        print(token.expose());
        Ok(())
    }
}

/// Returns a time in UTC, and how far it is from now: `2026-11-27 10:40:12 UTC, in 23 h 59 min`.
fn describe_time(at: Timestamp, now: Timestamp) -> String {
    let text = at.strftime("%Y-%m-%d %H:%M:%S UTC");
    let distance = at.duration_since(now);
    let milliseconds = distance.unsigned_abs().as_millis();
    let (seconds, minutes) = ((milliseconds + 500) / 1000, (milliseconds + 30_000) / 60_000);
    let length = match (minutes / 60, minutes % 60) {
        _ if seconds < 60 => format!("{seconds} s"),
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    };
    if distance.is_negative() { format!("{text}, {length} ago") } else { format!("{text}, in {length}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_described_by_their_distance() {
        let now: Timestamp = "2026-11-26T10:00:00Z".parse().unwrap();
        for (at, expected) in [
            ("2026-11-27T10:00:00Z", "2026-11-27 10:00:00 UTC, in 24 h"),
            ("2026-11-27T09:59:58.7Z", "2026-11-27 09:59:58 UTC, in 24 h"),
            ("2026-11-27T09:58:59Z", "2026-11-27 09:58:59 UTC, in 23 h 59 min"),
            ("2026-11-28T12:00:00Z", "2026-11-28 12:00:00 UTC, in 50 h"),
            ("2026-11-26T11:00:00Z", "2026-11-26 11:00:00 UTC, in 1 h"),
            ("2026-11-26T10:05:30Z", "2026-11-26 10:05:30 UTC, in 6 min"),
            ("2026-11-26T10:00:59.4Z", "2026-11-26 10:00:59 UTC, in 59 s"),
            ("2026-11-26T10:00:59.6Z", "2026-11-26 10:00:59 UTC, in 1 min"),
            ("2026-11-26T08:30:00Z", "2026-11-26 08:30:00 UTC, 1 h 30 min ago"),
        ] {
            assert_eq!(describe_time(at.parse().unwrap(), now), expected);
        }
    }
}
