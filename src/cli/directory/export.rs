//! `acs-tokens directory export`: all records, as a table or as JSON Lines.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use acs_identity::types::IdentityId;
use clap::{Args, ValueEnum};
use serde::Serialize;

use super::{
    super::Result,
    eprint, open,
    records::{Row, print_all, read_all},
    settings,
};
use crate::{directory::DirectoryAdmin, short_hash::short_hash};

/// Write all records, one line for each user, in the order of the names
///
/// A table has the name, which is a keyed hash of who it is; the state; when the record was written; and the identity's
/// short hash, as the log has it. JSON Lines have {"name","state","identity","writtenAt"} with the whole identity id.
/// Keep them as you keep the directory.
///
/// The states: `identity` for a user who has one; `leaving` for one whose deletion was broken off, which the user's
/// next call or `repair` finishes; `forgotten` for one whose identity was deleted.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The format
    #[arg(long, short, value_enum, value_name = "FORMAT", default_value_t = Output::Table)]
    output: Output,
    /// Print whole identity ids in the table instead of short hashes
    #[arg(long)]
    ids: bool,
    /// Write to this file, which only you may read, once everything was read; without it, to stdout
    #[arg(long, short, value_name = "FILE")]
    file: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Output {
    /// Columns for people
    Table,
    /// One JSON object a line
    Jsonl,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WireRow<'a> {
    name: String,
    state: &'a str,
    identity: Option<&'a str>,
    written_at: String,
}

pub(super) async fn run(options: Options) -> Result<()> {
    let keeper = open(&settings()?)?;
    let Some(file) = &options.file else { return print_all(&keeper, |to, row| options.write(to, row)).await };
    let written = to_file(&keeper, file, &options).await;
    Ok(written.map_err(|error| format!("{} is not written: {error}", file.display()))?)
}

/// Half an export would be worse than an old one, so that it gets its name only when it is whole.
async fn to_file(keeper: &DirectoryAdmin, path: &Path, options: &Options) -> Result<()> {
    let mut part = Part::create(path)?;
    let tally = read_all(keeper, false, |row| options.write(&mut part.file, row)).await?;
    eprint(&tally.to_string());
    tally.all_read()?;
    Ok(part.finish(path)?)
}

impl Options {
    fn write(&self, to: &mut impl Write, row: &Row) -> io::Result<()> {
        let Row { name, written_at, .. } = row;
        let (state, id) = (row.state(), row.identity().map(IdentityId::as_str));
        match self.output {
            Output::Table => {
                let identity =
                    id.map_or_else(|| "-".to_owned(), |id| if self.ids { id.to_owned() } else { short_hash(id) });
                writeln!(to, "{name}  {state:<9}  {written_at}  {identity}")
            }
            Output::Jsonl => {
                let row = WireRow { name: name.to_string(), state, identity: id, written_at: written_at.to_string() };
                writeln!(to, "{}", serde_json::to_string(&row)?)
            }
        }
    }
}

/// A file under a name of its own until it is whole. Dropped before, it goes.
struct Part {
    file: BufWriter<File>,
    path: PathBuf,
}

impl Part {
    fn create(path: &Path) -> io::Result<Self> {
        let mut name = path.file_name().ok_or(io::ErrorKind::IsADirectory)?.to_owned();
        name.push(format!(".{}.part", std::process::id()));
        let path = path.with_file_name(name);
        let mut options = File::options();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        Ok(Self { file: BufWriter::new(options.open(&path)?), path })
    }

    fn finish(mut self, path: &Path) -> io::Result<()> {
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        std::fs::rename(&self.path, path)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // Renamed, there is none any more.
        let _ = std::fs::remove_file(&self.path);
    }
}
