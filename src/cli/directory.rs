//! `acs-tokens directory`: exports, shows, repairs and moves the records of the user directory.

mod export;
mod rekey;
mod repair;
mod show;

use std::{error::Error, io};

use acs_identity::causes;
use clap::{Args, Subcommand};
use futures_util::{StreamExt as _, TryStreamExt as _};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle};

use super::{Result, env_reader, eprint, print, shutdown_signal};
use crate::directory::{DirectoryAdmin, DirectorySettings, Record, RecordName, StoreError, StoreLocation};

/// Number of records processed at once.
const CONCURRENCY: usize = 16;

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Show(show::Options),
    Repair(repair::Options),
    Rekey(rekey::Options),
    Export(export::Options),
}

pub(super) async fn run(Options { command }: Options) -> Result<()> {
    let work = async {
        match command {
            Command::Show(options) => show::run(options).await,
            Command::Repair(options) => repair::run(options).await,
            Command::Rekey(options) => rekey::run(options).await,
            Command::Export(options) => export::run(options).await,
        }
    };
    tokio::select! {
        done = work => done,
        () = shutdown_signal() => Err("interrupted".into()),
    }
}

/// Reads the directory's settings only: `export` and `show` need no credential for ACS.
fn settings() -> Result<DirectorySettings> {
    let mut settings = env_reader();
    let directory = settings.persistent_directory();
    Ok(settings.finish(directory)?)
}

fn open(settings: &DirectorySettings) -> Result<DirectoryAdmin> {
    if let StoreLocation::Files(folder) = &settings.location
        && !folder.is_dir()
    {
        return Err("USER_DIRECTORY: the folder does not exist; the service creates it for the first user".into());
    }
    Ok(DirectoryAdmin::open(settings).map_err(|error| explain(&error))?)
}

/// Calls `work` for all records, several at once, and `handle` for each result, sorted by name. Prints errors of `work` to
/// stderr and returns their number.
async fn for_each_record<T, E: Error + 'static>(
    admin: &DirectoryAdmin,
    show_progress: bool,
    work: impl AsyncFn(RecordName) -> std::result::Result<T, E>,
    mut handle: impl FnMut(T) -> io::Result<()>,
) -> Result<usize> {
    let names = list(admin).await?;
    let progress = if show_progress { progress(Some(names.len())) } else { ProgressBar::hidden() };
    let mut failed = 0;
    let results = futures_util::stream::iter(names).map(async |name| (name, work(name).await));
    let mut results = std::pin::pin!(results.buffered(CONCURRENCY));
    while let Some((name, result)) = results.next().await {
        progress.inc(1);
        match result {
            Ok(result) => handle(result)?,
            Err(error) => {
                failed += 1;
                progress.suspend(|| eprint(&format!("{name} failed: {}", causes(&error))));
            }
        }
    }
    Ok(failed)
}

/// Lists all records, sorted by name.
async fn list(admin: &DirectoryAdmin) -> Result<Vec<RecordName>> {
    let listing = progress(None);
    let names = admin.names().inspect_ok(|_| listing.inc(1)).try_collect::<Vec<_>>().await;
    let mut names = names.map_err(|error| format!("cannot list the records: {}", explain(&error)))?;
    names.sort_unstable();
    Ok(names)
}

/// Returns the causes of an error of the store, and the remedy if one is known.
fn explain(error: &StoreError) -> String {
    let causes = causes(error);
    error.remedy().map_or(causes.clone(), |known| format!("{causes}; {}; {}", known.likely_cause, known.remedy))
}

const fn state(record: &Record) -> &'static str {
    match record {
        Record::Active(_) => "active",
        Record::Deleting(_) => "deleting",
        Record::Deleted => "deleted",
    }
}

/// Shows progress on stderr if that is a terminal, until the value is dropped.
fn progress(length: Option<usize>) -> ProgressBar {
    let template = match length {
        Some(_) => "Records: [{bar:32}] {human_pos} of {human_len}, {eta} left",
        None => "Listing records: {human_pos}",
    };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let length = length.and_then(|length| length.try_into().ok());
    let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::stderr())
        .with_style(style.progress_chars("=> "))
        .with_finish(ProgressFinish::AndClear);
    bar.tick();
    bar
}

/// Returns an error if a record failed.
fn check(failed: usize) -> Result<()> {
    if failed == 0 { Ok(()) } else { Err(format!("failed records: {failed}").into()) }
}
