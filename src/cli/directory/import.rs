//! `acs-tokens directory import`: writes the records of an export.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read as _},
    path::PathBuf,
};

use clap::Args;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{super::Result, check, for_each, print, settings};
use crate::directory::{DirectoryAdmin, ImportOutcome, RecordContent, RecordName};

/// Import the records of `export --output jsonl`
///
/// Reads the whole export, then writes each record that the directory does not have. A record that differs stays, unless
/// --overwrite is given, and the exit code is 1. The service may run meanwhile: a record is written only if it has not
/// changed since it was read. `USER_DIRECTORY_KEY` must be the key of the exported directory.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Read this file; without it, stdin
    #[arg(long, short, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Replace records that differ from the export
    #[arg(long)]
    overwrite: bool,
}

/// The fields of a line that are read. The others repeat what `record` says, for other readers.
#[derive(Deserialize)]
struct WireRow<'a> {
    name: String,
    #[serde(borrow)]
    record: &'a RawValue,
}

pub(super) async fn run(Options { file, overwrite }: Options) -> Result<()> {
    let settings = settings()?;
    let records = parse(&read(file)?)?;
    // Creates the folder if there is none: an empty directory is the usual target.
    let admin = DirectoryAdmin::open(&settings).map_err(|error| super::explain(&error))?;
    let mut counts = BTreeMap::<ImportOutcome, usize>::new();
    let failed = for_each(
        records.keys().copied().collect(),
        true,
        async |name| admin.import(name, &records[&name], overwrite).await,
        |outcome| {
            *counts.entry(outcome).or_default() += 1;
            Ok(())
        },
    );
    let failed = failed.await?;
    let count = |outcome| counts.get(&outcome).copied().unwrap_or_default();
    let (kept, other_key) = (count(ImportOutcome::Kept), count(ImportOutcome::OtherKey));
    for (word, count, meaning) in [
        ("created", count(ImportOutcome::Created), "the directory did not have the record"),
        ("unchanged", count(ImportOutcome::Unchanged), "the directory has the same record"),
        ("replaced", count(ImportOutcome::Replaced), "another record was replaced"),
        ("kept", kept, "another record stays; replace it with --overwrite"),
        ("other key", other_key, "the record was named with another key and not written; see USER_DIRECTORY_KEY"),
        ("failed", failed, "the record did not change; run import again"),
    ] {
        print(&format!("{word:<9}  {count:>9}  {meaning}"));
    }
    check(failed)?;
    match (other_key, kept) {
        (0, 0) => Ok(()),
        (0, n) => Err(format!("kept records: {n}; they differ from the export; replace them with --overwrite").into()),
        (n, _) => {
            Err(format!("records of another key: {n}; set USER_DIRECTORY_KEY to that of the exported directory").into())
        }
    }
}

fn read(file: Option<PathBuf>) -> Result<String> {
    let Some(path) = file else {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text)?;
        return Ok(text);
    };
    Ok(fs::read_to_string(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?)
}

/// Parses all lines, so that nothing is written if one is wrong.
fn parse(text: &str) -> Result<BTreeMap<RecordName, RecordContent>> {
    let mut records = BTreeMap::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let row = parse_line(line).ok_or_else(|| {
            format!("line {} is not a line of `export --output jsonl`; nothing was written", index + 1)
        })?;
        if records.insert(row.0, row.1).is_some() {
            return Err(format!("line {} repeats a record name; nothing was written", index + 1).into());
        }
    }
    Ok(records)
}

fn parse_line(line: &str) -> Option<(RecordName, RecordContent)> {
    let WireRow { name, record } = serde_json::from_str(line).ok()?;
    Some((name.parse().ok()?, RecordContent::from_json(record.get()).ok()?))
}
