//! `acs-tokens directory import`: writes the records of an export, or identities of users from elsewhere.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read as _},
    path::PathBuf,
};

use clap::Args;
use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{super::Result, check, for_each, print, settings};
use crate::{
    auth::Subject,
    directory::{DirectoryAdmin, DirectoryKey, ImportOutcome, RecordContent, RecordName, RecordSelector, UserId},
};

/// Import the records of `export --output jsonl`, or the identities of users
///
/// Reads the whole export, then writes each record that the directory does not have. A record that differs stays, unless
/// --overwrite is given, and the exit code is 1. The service may run meanwhile: a record is written only if it has not
/// changed since it was read. `USER_DIRECTORY_KEY` must be the key of the exported directory.
///
/// A line can also name the user, to bring identities from elsewhere: {"tenantId","objectId","identity"} for a user of
/// Microsoft Entra, {"issuer","subject","identity"} for another.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Read this file; without it, stdin
    #[arg(long, short, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Replace records that differ from the export
    #[arg(long)]
    overwrite: bool,
}

/// The fields of a line that are read. In a line of `export`, the others repeat what `record` says, for other readers.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireRow<'a> {
    name: Option<String>,
    #[serde(borrow)]
    record: Option<&'a RawValue>,
    tenant_id: Option<Uuid>,
    object_id: Option<Uuid>,
    issuer: Option<String>,
    subject: Option<String>,
    identity: Option<String>,
}

/// The records to write, by name.
type Records = BTreeMap<RecordName, (RecordSelector, RecordContent)>;

pub(super) async fn run(Options { file, overwrite }: Options) -> Result<()> {
    let settings = settings()?;
    let records = parse(&read(file)?, &settings.key)?;
    // Creates the folder if there is none: an empty directory is the usual target.
    let admin = DirectoryAdmin::open(&settings).map_err(|error| super::explain(&error))?;
    let mut counts = BTreeMap::<ImportOutcome, usize>::new();
    let failed = for_each(
        records.keys().copied().collect(),
        true,
        async |name| {
            let (selected, content) = &records[&name];
            admin.import(*selected, content, overwrite).await
        },
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
fn parse(text: &str, key: &DirectoryKey) -> Result<Records> {
    let mut records = Records::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let row = parse_line(line).ok_or_else(|| {
            format!(
                "line {} is neither a line of `export --output jsonl` nor names a user and an identity; nothing was written",
                index + 1
            )
        })?;
        if records.insert(row.0.name(key), row).is_some() {
            return Err(format!("line {} repeats the record of another line; nothing was written", index + 1).into());
        }
    }
    Ok(records)
}

fn parse_line(line: &str) -> Option<(RecordSelector, RecordContent)> {
    let row: WireRow<'_> = serde_json::from_str(line).ok()?;
    if let (Some(name), Some(record)) = (&row.name, row.record) {
        return Some((RecordSelector::Name(name.parse().ok()?), RecordContent::from_json(record.get()).ok()?));
    }
    let subject = match (row.tenant_id, row.object_id, &row.issuer, &row.subject) {
        (Some(tenant), Some(object), None, None) => Subject::entra(&tenant.to_string(), &object.to_string()),
        (None, None, Some(issuer), Some(subject)) => Subject::oidc(issuer, subject),
        _ => return None,
    };
    let content = RecordContent::of_identity(row.identity?.parse().ok()?);
    Some((RecordSelector::User(UserId::from(*subject.hash())), content))
}
