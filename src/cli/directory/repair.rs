//! `acs-tokens directory repair`: repairs each record.

use std::collections::BTreeMap;

use clap::Args;

use super::{super::Result, WithAcs, check, for_each_record, open_with_acs, print};
use crate::directory::RepairOutcome;

/// Complete interrupted deletions, and remove records of identities deleted over a day ago
///
/// Can be run while the service is running, interrupted, and run again. Calls ACS for at most ten records a second, to
/// leave the rest of its rate limits to users.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Also check that ACS has each identity, and empty the record if not
    ///
    /// Takes one call for each record: about two minutes for a thousand. ACS has no call to look up an identity, so a token
    /// is issued and discarded. Make sure that the settings name the ACS resource that the directory belongs to: with
    /// another resource, every record is emptied.
    #[arg(long)]
    ask_acs: bool,
}

pub(super) async fn run(Options { ask_acs }: Options) -> Result<()> {
    let WithAcs { admin, acs, .. } = open_with_acs()?;
    let mut counts = BTreeMap::<RepairOutcome, usize>::new();
    let failed = for_each_record(
        &admin,
        true,
        async |name| admin.repair(&acs, name, ask_acs).await,
        |outcome| {
            *counts.entry(outcome).or_default() += 1;
            Ok(())
        },
    );
    let failed = failed.await?;
    let count = |outcome| counts.get(&outcome).copied().unwrap_or_default();
    for (word, count, meaning) in [
        ("unchanged", count(RepairOutcome::Unchanged), "needs no repair"),
        ("completed", count(RepairOutcome::Completed), "an interrupted deletion was completed"),
        ("emptied", count(RepairOutcome::Emptied), "ACS no longer has the identity; the user's next call creates one"),
        ("removed", count(RepairOutcome::Removed), "the identity was deleted over a day ago"),
        ("failed", failed, "the record did not change; run repair again"),
    ] {
        print(&format!("{word:<9}  {count:>9}  {meaning}"));
    }
    check(failed)
}
