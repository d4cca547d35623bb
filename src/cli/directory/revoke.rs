//! `acs-tokens directory revoke`: revokes the tokens of many users.

use std::{cell::Cell, collections::BTreeMap};

use clap::{ArgGroup, Args};
use jiff::Timestamp;

use super::{super::Result, WithAcs, check, eprint, for_each, list, open_with_acs, print};
use crate::directory::{RecordName, RevokeOutcome};

/// Revoke all tokens of many users
///
/// The users are not blocked: each can get a new token at once. Calls ACS for at most ten users a second, to leave the rest
/// of its rate limits to users: about two minutes for a thousand. Records are processed by name. If the command fails or is
/// interrupted, it prints the option `--after` with which to continue. Running it again from the start is harmless. Users who
/// get an identity meanwhile are not included.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("users").required(true).args(["all", "before"])))]
pub(super) struct Options {
    /// Revoke the tokens of all users
    #[arg(long, requires = "yes")]
    all: bool,
    /// Confirm --all, in a terminal and in a script alike
    #[arg(long, requires = "all")]
    yes: bool,
    /// Revoke the tokens of users whose records were written before this time, such as 2026-01-31T12:00:00Z (RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = past)]
    before: Option<Timestamp>,
    /// Continue after this record
    #[arg(long, value_name = "RECORD NAME")]
    after: Option<RecordName>,
}

fn past(text: &str) -> std::result::Result<Timestamp, String> {
    match text.parse() {
        Ok(time) if time > Timestamp::now() => Err("is in the future; use --all for all users".to_owned()),
        Ok(time) => Ok(time),
        Err(_) => Err("is not a time such as 2026-01-31T12:00:00Z".to_owned()),
    }
}

/// The last record before which all records succeeded.
#[derive(Debug, Default)]
pub(super) struct Position(Cell<Option<RecordName>>);

impl Position {
    /// Returns an error message with the option that continues the command.
    pub(super) fn describe(&self, error: &str) -> String {
        match self.0.get() {
            Some(name) => format!("{error}; run the command again with --after {name}"),
            None => error.to_owned(),
        }
    }
}

pub(super) async fn run(options: Options, position: &Position) -> Result<()> {
    let WithAcs { admin, acs, endpoint, .. } = open_with_acs()?;
    eprint(&format!("ACS at {endpoint}"));
    position.0.set(options.after);
    let mut names = list(&admin).await?;
    names.retain(|name| options.after.is_none_or(|after| *name > after));

    let first_failed = Cell::new(None);
    let mut counts = BTreeMap::<RevokeOutcome, usize>::new();
    let failed = for_each(
        names,
        true,
        async |name| {
            let outcome = admin.revoke(&acs, name, options.before).await;
            if outcome.is_err() && first_failed.get().is_none_or(|first| name < first) {
                first_failed.set(Some(name));
            }
            outcome.map(|outcome| (name, outcome))
        },
        |(name, outcome)| {
            if first_failed.get().is_none_or(|first| name < first) {
                position.0.set(Some(name));
            }
            *counts.entry(outcome).or_default() += 1;
            Ok(())
        },
    );
    let failed = failed.await?;
    let count = |outcome| counts.get(&outcome).copied().unwrap_or_default();
    for (word, count, meaning) in [
        ("revoked", count(RevokeOutcome::Revoked), "all tokens of the user were revoked"),
        ("newer", count(RevokeOutcome::Newer), "the record was written at the given time or later"),
        ("none", count(RevokeOutcome::NoIdentity), "the user has no identity"),
        ("failed", failed, "the tokens may be valid"),
    ] {
        print(&format!("{word:<9}  {count:>9}  {meaning}"));
    }
    Ok(check(failed).map_err(|error| position.describe(&error.to_string()))?)
}
