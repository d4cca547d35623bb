//! `acs-tokens directory list`: one line for each user.

use std::io::Write as _;

use clap::Args;

use super::{
    super::Result,
    open,
    records::{Row, print_all},
    settings,
};
use crate::acs::hash::short_hash;

/// Print one line for each user
///
/// In the order of the names: the name, which is a keyed hash of who it is; the state; when the record was written; the
/// identity's short hash, as the log has it.
///
/// The states: `identity` for a user who has one; `leaving` for one whose deletion was broken off, which the user's
/// next call or `repair` finishes; `forgotten` for one whose identity was deleted.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Print whole identity ids instead of short hashes
    #[arg(long)]
    ids: bool,
}

pub(super) async fn run(Options { ids }: Options) -> Result<()> {
    let keeper = open(&settings()?)?;
    print_all(&keeper, |to, row| writeln!(to, "{}", line(row, ids))).await
}

fn line(row: &Row, ids: bool) -> String {
    let identity = row.identity().map(|id| if ids { id.as_str().to_owned() } else { short_hash(id.as_str()) });
    let identity = identity.as_deref().unwrap_or("-");
    format!("{}  {:<9}  {}  {identity}", row.name, row.state(), row.written_at)
}
