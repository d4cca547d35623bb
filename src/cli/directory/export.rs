//! `acs-tokens directory export`: all records, as a table or as JSON Lines.

use std::{
    collections::BTreeMap,
    io::{self, BufWriter, IsTerminal as _, Write},
    path::{Path, PathBuf},
};

use acs_identity::types::IdentityId;
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;

use super::{super::Result, check, eprint, for_each_record, open, settings, state};
use crate::{
    directory::{DirectoryAdmin, RecordEntry},
    short_hash::short_hash,
};

/// Export all records, one line for each user, sorted by name
///
/// A table has the record name, which is a keyed hash of the user; the state; the time when the record was written; and
/// the identity's short hash, as in the log. JSON Lines have {"name","state","identity","writtenAt","record"} with the
/// whole identity id, and the record as the directory has it, which `import` reads. Protect them like the directory itself.
///
/// The states: `active` for a user with an identity; `blocked` for a user who gets no token; `deleting` for an interrupted deletion, which the user's next call
/// or `repair` completes; `deleted` for a user whose identity was deleted.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The format
    #[arg(long, short, value_enum, value_name = "FORMAT", default_value_t = Output::Table)]
    output: Output,
    /// Print whole identity ids in the table instead of short hashes
    #[arg(long)]
    ids: bool,
    /// Write to this file, readable only by you, when all records were read; without it, to stdout
    #[arg(long, short, value_name = "FILE")]
    file: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Output {
    /// Aligned columns
    Table,
    /// One JSON object per line
    Jsonl,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WireRow<'a> {
    name: String,
    state: &'a str,
    identity: Option<&'a str>,
    written_at: Timestamp,
    record: &'a RawValue,
}

pub(super) async fn run(options: Options) -> Result<()> {
    let admin = open(&settings()?)?;
    if let Some(path) = &options.file {
        let written = options.export_to_file(&admin, path).await;
        return Ok(written.map_err(|error| format!("cannot write {}: {error}", path.display()))?);
    }
    match options.export(&admin, &mut io::stdout()).await {
        // The reader needs no more lines, as `head`.
        Err(error) if error.downcast_ref().is_some_and(|e: &io::Error| e.kind() == io::ErrorKind::BrokenPipe) => Ok(()),
        exported => exported,
    }
}

impl Options {
    /// Writes to a temporary file and renames it, so that a failed export does not replace an earlier one.
    async fn export_to_file(&self, admin: &DirectoryAdmin, path: &Path) -> Result<()> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut file = BufWriter::new(tempfile::Builder::new().suffix(".part").tempfile_in(folder)?);
        self.export(admin, &mut file).await?;
        let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    }

    /// Writes all records. Reports unreadable records and a summary on stderr.
    async fn export(&self, admin: &DirectoryAdmin, to: &mut impl Write) -> Result<()> {
        let show_progress = self.file.is_some() || !io::stdout().is_terminal();
        let mut counts = BTreeMap::<&str, usize>::new();
        let unreadable = for_each_record(
            admin,
            show_progress,
            async |name| admin.read(name).await,
            |entry| {
                // `None` if the record was removed since it was listed.
                let Some(entry) = entry else { return Ok(()) };
                *counts.entry(state(&entry.record)).or_default() += 1;
                self.write(to, &entry)
            },
        );
        let unreadable = unreadable.await?;
        let [active, blocked, deleting, deleted] =
            ["active", "blocked", "deleting", "deleted"].map(|state| counts.get(state).copied().unwrap_or_default());
        eprint(&format!(
            "{active} active, {blocked} blocked, {deleting} deleting, {deleted} deleted, {unreadable} unreadable"
        ));
        check(unreadable)
    }

    fn write(&self, to: &mut impl Write, entry: &RecordEntry) -> io::Result<()> {
        let RecordEntry { name, record, written_at, content } = entry;
        let (state, id) = (state(record), record.identity().map(IdentityId::as_str));
        match self.output {
            Output::Table => {
                let identity = id.map(|id| if self.ids { id.to_owned() } else { short_hash(id) });
                writeln!(to, "{name}  {state:<8}  {written_at}  {}", identity.as_deref().unwrap_or("-"))
            }
            Output::Jsonl => {
                let record = serde_json::from_str(content.as_json())?;
                let row = WireRow { name: name.to_string(), state, identity: id, written_at: *written_at, record };
                writeln!(to, "{}", serde_json::to_string(&row)?)
            }
        }
    }
}
