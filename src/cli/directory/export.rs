//! `acs-tokens directory export`: everything as JSON Lines.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use clap::Args;
use serde::Serialize;

use super::{
    super::Result,
    eprint, open,
    records::{Row, print_all, read_all},
    settings,
};
use crate::{acs::types::IdentityId, directory::DirectoryAdmin};

/// Write everything as JSON Lines, one object for each user
///
/// They are {"name","state","identity","writtenAt"}, in the order of the names; identity is null for those who were
/// forgotten.
///
/// Whole identity ids are in it, so keep it as you keep the directory. It says nothing of who the users are: names are
/// keyed hashes.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Write to this file, which only you may read, once everything was read; without it, to stdout
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WireRow<'a> {
    name: String,
    state: &'a str,
    identity: Option<&'a str>,
    written_at: String,
}

pub(super) async fn run(Options { output }: Options) -> Result<()> {
    let keeper = open(&settings()?)?;
    let Some(output) = output else { return print_all(&keeper, write).await };
    let path = output.display().to_string();
    to_file(&keeper, &output).await.map_err(|error| format!("{path} is not written: {error}"))?;
    Ok(())
}

/// Half an export would be worse than an old one, so that it gets its name only when it is whole.
async fn to_file(keeper: &DirectoryAdmin, path: &Path) -> Result<()> {
    let mut part = Part::create(path)?;
    let tally = read_all(keeper, false, |row| write(&mut part.file, row)).await?;
    eprint(&tally.to_string());
    tally.all_read()?;
    Ok(part.finish(path)?)
}

fn write(to: &mut impl Write, row: &Row) -> io::Result<()> {
    let Row { name, written_at, .. } = row;
    let identity = row.identity().map(IdentityId::as_str);
    let row = WireRow { name: name.to_string(), state: row.state(), identity, written_at: written_at.to_string() };
    writeln!(to, "{}", serde_json::to_string(&row)?)
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
