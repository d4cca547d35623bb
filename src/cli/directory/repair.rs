//! `acs-tokens directory repair`: each record looked after, whatever became of the others.

use std::collections::BTreeMap;

use acs_identity::causes;
use clap::Args;
use futures_util::StreamExt as _;

use super::{
    super::{Result, env_var},
    open, print,
    progress::Progress,
    records::{AT_ONCE, names},
};
use crate::{config::EnvReader, directory::Repaired};

/// Finish deletions that were broken off, and remove records that nobody needs any more
///
/// Nobody needs the records of users who were forgotten over a day ago. It may be run at any time beside the service,
/// stopped at any time, and run again. No more than ten records a second are handed on to ACS, whose limits people need
/// for their tokens.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Also ask ACS whether it has each identity, and forget those it has not
    ///
    /// One call for each record, so that a thousand take about two minutes. A token is issued and thrown away, since no
    /// other call tells whether an identity is there. Be sure that the settings name the directory's own ACS resource:
    /// another one has none of its identities, and every record would be dropped.
    #[arg(long)]
    ask_acs: bool,
}

pub(super) async fn run(Options { ask_acs }: Options) -> Result<()> {
    let mut settings = EnvReader::new(&env_var);
    let acs = settings.client();
    let directory = settings.persistent_directory();
    let (acs, directory) = settings.finish(acs.zip(directory))?;
    let keeper = open(&directory)?;
    let acs = acs.client()?;

    let names = names(&keeper).await?;
    let progress = Progress::of(names.len(), "Repairing");
    let repaired = futures_util::stream::iter(names).map(async |name| (name, keeper.repair(&acs, name, ask_acs).await));
    let mut repaired = std::pin::pin!(repaired.buffer_unordered(AT_ONCE));
    let (mut counts, mut failed) = (BTreeMap::<Repaired, usize>::new(), 0);
    while let Some((name, repaired)) = repaired.next().await {
        progress.step();
        match repaired {
            Ok(repaired) => *counts.entry(repaired).or_default() += 1,
            Err(error) => {
                failed += 1;
                progress.eprint(&format!("{name} failed: {}", causes(&error)));
            }
        }
    }
    drop(progress);

    for (word, repaired, meaning) in [
        ("fine", Repaired::Fine, "nothing to do"),
        ("ended", Repaired::Ended, "a deletion that was broken off is finished"),
        ("dropped", Repaired::Dropped, "ACS has not the identity any more; the user's next call makes another"),
        ("removed", Repaired::Removed, "forgotten over a day ago"),
    ] {
        print(&row(word, counts.get(&repaired).copied().unwrap_or_default(), meaning));
    }
    print(&row("failed", failed, "stays as it was; run it again"));
    match failed {
        0 => Ok(()),
        1 => Err("one record failed".into()),
        n => Err(format!("{n} records failed").into()),
    }
}

fn row(word: &str, count: usize, meaning: &str) -> String {
    format!("{word:<7}  {count:>9}  {meaning}")
}
