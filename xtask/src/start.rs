//! Runs the functions under Azure Functions Core Tools on this machine.

use std::path::Path;
use std::process::Command;

use clap::Args;

use crate::azure::App;
use crate::build::{Program, Target};
use crate::workspace::{Workspace, find_program};
use crate::{Result, settings};

/// What to do when there is no `func`.
const GET_CORE_TOOLS: &str = "Azure Functions Core Tools (`func`) are not on the PATH. Get them by one of
  npm install --global azure-functions-core-tools@4
  brew tap azure/functions && brew install azure-functions-core-tools@4
  winget install Microsoft.Azure.FunctionsCoreTools
or see https://learn.microsoft.com/azure/azure-functions/functions-run-local
Without them, `cargo run` serves the same functions on http://127.0.0.1:7071 with an emulator beside them.";

/// Options of `start`.
#[derive(Args)]
pub struct Options {
    /// Run in the repository itself, with a local.settings.json that says how (Core Tools 4.6 and later)
    #[arg(long)]
    in_place: bool,
    /// Build with optimisation
    #[arg(long, conflicts_with = "in_place")]
    release: bool,
    /// For `func start`, for example: -- --port 7072
    #[arg(last = true)]
    func: Vec<String>,
}

/// Builds for this machine, with the features `cargo build` has so that nothing is built twice, and starts `func`.
pub fn start(options: &Options) -> Result<()> {
    let workspace = Workspace::find()?;
    let program = Program { name: "handler", target: Target::Native, release: options.release, features: &[] };
    if options.in_place {
        settings::write_in_place(&workspace.root, &program.path(&workspace))?;
        println!("local.settings.json is written; from now on `cargo build && func start` does the same as this");
    }
    let func = find_program("func").ok_or(GET_CORE_TOOLS)?;
    let built = program.build(&workspace)?;
    if options.in_place {
        return run(&func, &workspace.root, &options.func);
    }
    let staged = App::read(&workspace.root, &built)?.stage(&workspace.output())?;
    settings::copy_for_staged(&workspace.root, &staged)?;
    run(&func, &staged, &options.func)
}

fn run(func: &Path, script_root: &Path, arguments: &[String]) -> Result<()> {
    let mut command = Command::new(func);
    command.args(["start", "--script-root"]).arg(script_root).args(arguments);
    // Without it Core Tools asks for the language of the project.
    command.env("FUNCTIONS_WORKER_RUNTIME", "custom");
    let status = command.status()?;
    if status.success() { Ok(()) } else { Err(format!("func start: {status}").into()) }
}
