//! `acs-tokens directory show`: the record of one user.

use clap::Args;

use super::{super::Result, explain, open, print, selector::Selector, settings, state};
use crate::{directory::RecordEntry, short_hash::short_hash};

/// Show the record of one user
///
/// Prints the record name, the state, the identity's short hash, and the time when the record was written. Select the
/// user by the claims of their token, or by the record name.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    user: Selector,
    /// Print the whole identity id too
    #[arg(long)]
    ids: bool,
}

pub(super) async fn run(options: Options) -> Result<()> {
    let settings = settings()?;
    let selected = options.user.record()?;
    let name = selected.name(&settings.key);
    let entry = open(&settings)?.find(selected).await;
    let entry = entry.map_err(|error| format!("{name} cannot be read: {}", explain(&error)))?;
    let RecordEntry { name, record, written_at, .. } = entry.ok_or_else(|| format!("the user has no record {name}"))?;
    print(&format!("name      {name}\nstate     {}", state(&record)));
    if let Some(id) = record.identity() {
        print(&format!("identity  {}", short_hash(id.as_str())));
        if options.ids {
            print(&format!("id        {id}"));
        }
    }
    print(&format!("written   {written_at}"));
    Ok(())
}
