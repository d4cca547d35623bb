//! `acs-tokens directory`: exports, imports, shows, repairs and moves the records of the user directory, blocks users and revokes
//! tokens.

mod block;
mod export;
mod import;
mod rekey;
mod repair;
mod revoke;
mod selector;
mod show;
mod unblock;

use std::{error::Error, io};

use acs_identity::{Endpoint, IdentityClient, causes};
use clap::{Args, Subcommand};
use futures_util::{StreamExt as _, TryStreamExt as _};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle};

use super::{Result, env_reader, eprint, print, shutdown_signal, warn_of_unknown_settings};
use crate::directory::{DirectoryAdmin, DirectorySettings, Record, RecordName, State, StoreError, StoreLocation};

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
    Import(import::Options),
    Block(block::Options),
    Unblock(unblock::Options),
    Revoke(revoke::Options),
}

pub(super) async fn run(Options { command }: Options) -> Result<()> {
    warn_of_unknown_settings();
    let position = revoke::Position::default();
    let work = async {
        match command {
            Command::Show(options) => show::run(options).await,
            Command::Repair(options) => repair::run(options).await,
            Command::Rekey(options) => rekey::run(options).await,
            Command::Export(options) => export::run(options).await,
            Command::Import(options) => import::run(options).await,
            Command::Block(options) => block::run(options).await,
            Command::Unblock(options) => unblock::run(options).await,
            Command::Revoke(options) => revoke::run(options, &position).await,
        }
    };
    tokio::select! {
        done = work => done,
        () = shutdown_signal() => Err(position.describe("interrupted").into()),
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

/// A directory and the ACS resource of its identities.
pub(super) struct WithAcs {
    pub(super) admin: DirectoryAdmin,
    settings: DirectorySettings,
    pub(super) acs: IdentityClient,
    pub(super) endpoint: Endpoint,
}

/// Reads the settings of the directory and of ACS, and opens the directory.
pub(super) fn open_with_acs() -> Result<WithAcs> {
    let mut env = env_reader();
    let acs = env.client();
    let directory = env.persistent_directory();
    let (acs, settings) = env.finish(acs.zip(directory))?;
    Ok(WithAcs { admin: open(&settings)?, settings, endpoint: acs.endpoint.clone(), acs: acs.client()? })
}

/// Does the same as [`for_each`] for all records.
async fn for_each_record<T, E: Error + 'static>(
    admin: &DirectoryAdmin,
    show_progress: bool,
    work: impl AsyncFn(RecordName) -> std::result::Result<T, E>,
    handle: impl FnMut(T) -> io::Result<()>,
) -> Result<usize> {
    for_each(list(admin).await?, show_progress, work, handle).await
}

/// Calls `work` for records, several at once, and `handle` for each result, in the order of the names. Prints errors of
/// `work` to stderr and returns their number.
pub(super) async fn for_each<T, E: Error + 'static>(
    names: Vec<RecordName>,
    show_progress: bool,
    work: impl AsyncFn(RecordName) -> std::result::Result<T, E>,
    mut handle: impl FnMut(T) -> io::Result<()>,
) -> Result<usize> {
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
pub(super) fn explain(error: &StoreError) -> String {
    let causes = causes(error);
    error.remedy().map_or(causes.clone(), |known| format!("{causes}; {}; {}", known.likely_cause, known.remedy))
}

const fn state(record: &Record) -> &'static str {
    match record {
        Record { blocked: true, .. } => "blocked",
        Record { state: State::Active(_), .. } => "active",
        Record { state: State::Deleting(_), .. } => "deleting",
        Record { state: State::Deleted, .. } => "deleted",
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
pub(super) fn check(failed: usize) -> Result<()> {
    if failed == 0 { Ok(()) } else { Err(format!("failed records: {failed}").into()) }
}
