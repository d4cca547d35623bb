//! Reading all records of a directory, in the order of their names.

use std::{
    fmt,
    io::{self, IsTerminal as _},
};

use acs_identity::{causes, types::IdentityId};
use futures_util::{StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;

use super::{super::Result, eprint, progress::Progress};
use crate::directory::{DirectoryAdmin, Name, Record};

/// How many records are read at once.
pub(super) const AT_ONCE: usize = 16;

/// A record, with all there is to tell of it.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) name: Name,
    pub(super) record: Record,
    pub(super) written_at: Timestamp,
}

impl Row {
    pub(super) const fn state(&self) -> &'static str {
        match self.record {
            Record::Identity(_) => "identity",
            Record::Leaving(_) => "leaving",
            Record::Forgotten => "forgotten",
        }
    }

    pub(super) const fn identity(&self) -> Option<&IdentityId> {
        match &self.record {
            Record::Identity(id) | Record::Leaving(id) => Some(id),
            Record::Forgotten => None,
        }
    }
}

/// How many records of each kind there were.
#[derive(Debug, Default)]
pub(super) struct Tally {
    identities: usize,
    leaving: usize,
    forgotten: usize,
    unreadable: usize,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { identities, leaving, forgotten, unreadable } = self;
        let all = identities + leaving + forgotten + unreadable;
        write!(f, "{all} {}: ", if all == 1 { "record" } else { "records" })?;
        write!(f, "{identities} identity, {leaving} leaving, {forgotten} forgotten")?;
        if *unreadable > 0 { write!(f, ", {unreadable} unreadable") } else { Ok(()) }
    }
}

impl Tally {
    /// An error if a record could not be read.
    pub(super) fn all_read(&self) -> Result<()> {
        match self.unreadable {
            0 => Ok(()),
            1 => Err("one record could not be read".into()),
            n => Err(format!("{n} records could not be read").into()),
        }
    }
}

/// The names of all records, in order.
pub(super) async fn names(keeper: &DirectoryAdmin) -> Result<Vec<Name>> {
    let progress = Progress::counting("Listing records:");
    let names = keeper.entries().inspect_ok(|_| progress.step()).map_ok(|entry| entry.name).try_collect::<Vec<_>>();
    let mut names = names.await.map_err(|failure| format!("the records cannot be listed: {}", causes(&failure)))?;
    names.sort_unstable();
    Ok(names)
}

/// Reads every record and prints it to stdout.
pub(super) async fn print_all(
    keeper: &DirectoryAdmin,
    mut print: impl FnMut(&mut io::Stdout, &Row) -> io::Result<()>,
) -> Result<()> {
    let mut stdout = io::stdout();
    let is_seen = stdout.is_terminal();
    match read_all(keeper, is_seen, |row| print(&mut stdout, row)).await {
        // Whoever read it wants no more of it, as `head` does.
        Err(error)
            if error.downcast_ref().is_some_and(|error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe) =>
        {
            Ok(())
        }
        read => {
            let tally = read?;
            eprint(&tally.to_string());
            tally.all_read()
        }
    }
}

/// Reads every record and hands it on. One that cannot be read is told on stderr, and does not stop the others. Where
/// `is_seen`, what is done with the records shows how far it is.
pub(super) async fn read_all(
    keeper: &DirectoryAdmin,
    is_seen: bool,
    mut tell: impl FnMut(&Row) -> io::Result<()>,
) -> Result<Tally> {
    let names = names(keeper).await?;
    let progress = if is_seen { Progress::hidden() } else { Progress::of(names.len(), "Reading") };
    let mut tally = Tally::default();
    let read = futures_util::stream::iter(names).map(async |name| (name, keeper.dated_record(name).await));
    let mut read = std::pin::pin!(read.buffered(AT_ONCE));
    while let Some((name, found)) = read.next().await {
        progress.step();
        match found {
            Ok(Some((record, written_at))) => {
                let row = Row { name, record, written_at };
                match row.record {
                    Record::Identity(_) => tally.identities += 1,
                    Record::Leaving(_) => tally.leaving += 1,
                    Record::Forgotten => tally.forgotten += 1,
                }
                tell(&row)?;
            }
            // Removed since it was listed.
            Ok(None) => {}
            Err(failure) => {
                tally.unreadable += 1;
                progress.eprint(&format!("{name} cannot be read: {}", causes(&failure)));
            }
        }
    }
    Ok(tally)
}
