//! `acs-tokens directory`: whose identity is whose, for those who look after it.

mod export;
mod progress;
mod records;
mod repair;
mod show;

use acs_identity::causes;
use clap::{Args, Subcommand};

use super::{Result, env_var, eprint, print, shutdown_signal};
use crate::{
    config::EnvReader,
    directory::{self, DirectoryAdmin, StoreLocation},
};

/// What to do with it.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Show(show::Options),
    Repair(repair::Options),
    Export(export::Options),
}

pub(super) async fn run(Options { command }: Options) -> Result<()> {
    let work = async {
        match command {
            Command::Show(options) => show::run(options).await,
            Command::Repair(options) => repair::run(options).await,
            Command::Export(options) => export::run(options).await,
        }
    };
    tokio::select! {
        done = work => done,
        // What the work holds is put away as it is dropped.
        () = shutdown_signal() => Err("stopped half way".into()),
    }
}

/// The directory's settings alone: reading it takes no credential for ACS.
fn settings() -> Result<directory::DirectorySettings> {
    let mut settings = EnvReader::new(&env_var);
    let directory = settings.persistent_directory();
    Ok(settings.finish(directory)?)
}

/// The directory's records, or what stands in the way.
fn open(settings: &directory::DirectorySettings) -> Result<DirectoryAdmin> {
    if let StoreLocation::Files(folder) = &settings.place
        && !folder.is_dir()
    {
        return Err("USER_DIRECTORY names a folder that is not there; the first user makes it".into());
    }
    Ok(DirectoryAdmin::open(settings).map_err(|failure| causes(&failure))?)
}
