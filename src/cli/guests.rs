//! `acs-tokens guests`: deletes the identities of guests whose time is over.

use std::collections::BTreeMap;

use clap::{Args, Subcommand};
use futures_util::TryStreamExt as _;
use jiff::Timestamp;
use serde::Serialize;

use super::{
    Result,
    check::Output,
    directory::{WithAcs, check, explain, for_each, open_with_acs},
    eprint, print, shutdown_signal, warn_of_unknown_settings,
};
use crate::directory::{RecordName, SweepOutcome};

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Sweep(Sweep),
}

/// Delete the identities of guests whose time is over, and their records
///
/// The time of a guest is over when the pass has expired and the last tokens have, too. Each call of a guest sweeps a few
/// records, so this command is for the rest, once a day for example. Can be run while the service is running, interrupted,
/// and run again. Calls ACS for at most ten identities a second, to leave the rest of its rate limits to users.
#[derive(Debug, Args)]
struct Sweep {
    /// The format of the result
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// The number of records by outcome.
#[derive(Serialize)]
struct Report {
    deleted: usize,
    removed: usize,
    gone: usize,
    failed: usize,
}

pub(super) async fn run(Options { command: Command::Sweep(options) }: Options) -> Result<()> {
    warn_of_unknown_settings();
    tokio::select! {
        done = sweep(&options) => done,
        () = shutdown_signal() => Err("interrupted; run the command again to continue".into()),
    }
}

async fn sweep(Sweep { output }: &Sweep) -> Result<()> {
    let WithAcs { admin, acs, endpoint, .. } = open_with_acs()?;
    eprint(&format!("ACS at {endpoint}"));
    let names: Vec<RecordName> = admin
        .over(Timestamp::now())
        .try_collect()
        .await
        .map_err(|error| format!("cannot list the records: {}", explain(&error)))?;
    let mut counts = BTreeMap::<SweepOutcome, usize>::new();
    let failed = for_each(
        names,
        true,
        async |name| admin.sweep(&acs, name).await,
        |outcome| {
            *counts.entry(outcome).or_default() += 1;
            Ok(())
        },
    )
    .await?;
    let count = |outcome| counts.get(&outcome).copied().unwrap_or_default();
    let [deleted, removed, gone] = [SweepOutcome::Deleted, SweepOutcome::Removed, SweepOutcome::Gone].map(count);
    print_report(*output, &Report { deleted, removed, gone, failed })?;
    check(failed)
}

fn print_report(output: Output, report: &Report) -> Result<()> {
    if matches!(output, Output::Json) {
        print(&serde_json::to_string(report)?);
        return Ok(());
    }
    for (word, count, meaning) in [
        ("deleted", report.deleted, "the identity was deleted, and the record was removed"),
        ("removed", report.removed, "the record had no identity"),
        ("gone", report.gone, "another sweep has removed the record"),
        ("failed", report.failed, "the record remains; run sweep again"),
    ] {
        print(&format!("{word:<9}  {count:>9}  {meaning}"));
    }
    Ok(())
}
