//! `acs-tokens directory repair`: repairs each record.

use std::collections::BTreeMap;

use acs_identity::IdentityClient;
use clap::Args;
use futures_util::StreamExt as _;

use super::{super::Result, CONCURRENCY, WithAcs, check, eprint, for_each_record, list, open_with_acs, print};
use crate::directory::{DirectoryAdmin, Record, RecordEntry, RepairOutcome, State};

/// Number of identities that ACS may not know before `repair` stops. With another resource, it knows none.
const MAX_UNKNOWN: usize = 10;

/// Complete interrupted deletions, and remove records of identities deleted over a day ago
///
/// Can be run while the service is running, interrupted, and run again. Calls ACS for at most ten records a second, to
/// leave the rest of its rate limits to users.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Also check that ACS has each identity, and empty the record if not
    ///
    /// Takes one call for each record: about two minutes for a thousand. ACS has no call to look up an identity, so a token
    /// is issued and discarded. Stops before any change if ACS knows none of the first ten identities, because the settings
    /// then probably name another ACS resource.
    #[arg(long)]
    ask_acs: bool,
    /// Go on even if ACS knows none of the first ten identities
    #[arg(long, requires = "ask_acs")]
    yes: bool,
}

pub(super) async fn run(Options { ask_acs, yes }: Options) -> Result<()> {
    let WithAcs { admin, acs, endpoint, .. } = open_with_acs()?;
    if ask_acs {
        eprint(&format!("Asking {endpoint} whether it has each identity."));
        let unknown = if yes { 0 } else { unknown_identities(&admin, &acs).await? };
        if unknown > 0 {
            let error = format!(
                "{endpoint} knows none of the first {unknown} identities, so it is probably not the resource of this \
                 directory, and no record was changed; correct COMMUNICATION_SERVICES_ENDPOINT or \
                 COMMUNICATION_SERVICES_CONNECTION_STRING, or go on with --yes"
            );
            return Err(error.into());
        }
    }

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

/// Returns the number of identities that ACS does not know, up to the first that it knows: then 0.
async fn unknown_identities(admin: &DirectoryAdmin, acs: &IdentityClient) -> Result<usize> {
    let names = futures_util::stream::iter(list(admin).await?);
    let mut entries = std::pin::pin!(names.map(|name| admin.read(name)).buffered(CONCURRENCY));
    let mut unknown = 0;
    while unknown < MAX_UNKNOWN
        && let Some(entry) = entries.next().await
    {
        // The repair itself reports the records that fail.
        let Ok(Some(RecordEntry { record: Record { state: State::Active(id), .. }, .. })) = entry else { continue };
        match admin.is_known(acs, &id).await {
            Ok(true) => return Ok(0),
            Ok(false) => unknown += 1,
            Err(_) => {}
        }
    }
    Ok(unknown)
}
