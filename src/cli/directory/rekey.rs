//! `acs-tokens directory rekey`: moves each record to the first of two keys.

use std::collections::BTreeMap;

use clap::Args;

use super::{super::Result, check, for_each_record, open, print, settings};
use crate::directory::RekeyOutcome;

/// Move all records from the second key of `USER_DIRECTORY_KEY` to the first one
///
/// Run it when every instance of the service has `USER_DIRECTORY_KEY=<new>,<old>`. The service may run meanwhile. `rekey` may
/// be interrupted, and run again. When it succeeds, remove the old key.
///
/// A record that an earlier version wrote does not contain its user, so it can be moved only after the user's next call.
/// The exit code is 1 while there are such records.
#[derive(Debug, Args)]
pub(super) struct Options {}

pub(super) async fn run(Options {}: Options) -> Result<()> {
    let settings = settings()?;
    if settings.key.second().is_none() {
        return Err("USER_DIRECTORY_KEY: has one key; set `<new>,<old>` to move records from the old key".into());
    }
    let admin = open(&settings)?;
    let mut counts = BTreeMap::<RekeyOutcome, usize>::new();
    let failed = for_each_record(
        &admin,
        true,
        async |name| admin.rekey(name).await,
        |outcome| {
            *counts.entry(outcome).or_default() += 1;
            Ok(())
        },
    );
    let failed = failed.await?;
    let count = |outcome| counts.get(&outcome).copied().unwrap_or_default();
    let remaining = count(RekeyOutcome::WithoutUser);
    for (word, count, meaning) in [
        ("unchanged", count(RekeyOutcome::Unchanged), "under the new key, or without an identity"),
        ("moved", count(RekeyOutcome::Moved), "from the old key to the new one"),
        (
            "remaining",
            remaining,
            "of an earlier version; the user's next call prepares the record, then run rekey again",
        ),
        ("failed", failed, "the record did not change; run rekey again"),
    ] {
        print(&format!("{word:<9}  {count:>9}  {meaning}"));
    }
    check(failed)?;
    if remaining == 0 { Ok(()) } else { Err(format!("remaining records: {remaining}; keep both keys").into()) }
}
