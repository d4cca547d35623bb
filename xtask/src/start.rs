//! Runs the functions on this machine with Azure Functions Core Tools.

use std::path::Path;
use std::process::Command;

use clap::Args;

use crate::azure::App;
use crate::build::{Program, Target};
use crate::workspace::{Workspace, find_program};
use crate::{Result, settings};

/// The error if `func` is not installed.
const GET_CORE_TOOLS: &str = "Azure Functions Core Tools (`func`) were not found on the PATH. Install them with one of
  npm install --global azure-functions-core-tools@4
  brew tap azure/functions && brew install azure-functions-core-tools@4
  winget install Microsoft.Azure.FunctionsCoreTools
or see https://learn.microsoft.com/azure/azure-functions/functions-run-local
Without Core Tools, `cargo run` serves the same functions on http://127.0.0.1:7071, together with an emulator.";

/// Options of `start`.
#[derive(Args)]
pub struct Options {
    /// Run in the repository and write the required local.settings.json (Core Tools 4.6 and later)
    #[arg(long)]
    in_place: bool,
    /// Build with optimization
    #[arg(long, conflicts_with = "in_place")]
    release: bool,
    /// Arguments for `func start`, for example: -- --port 7072
    #[arg(last = true)]
    func: Vec<String>,
}

/// Builds `handler` for this machine with the default features, so that `cargo build` can be reused, and runs `func start`.
pub fn start(options: &Options) -> Result<()> {
    let workspace = Workspace::find()?;
    let program = Program { name: "handler", target: Target::Native, release: options.release, features: &[] };
    if options.in_place {
        settings::write_in_place(&workspace.root, &program.path(&workspace))?;
        println!("wrote local.settings.json; `cargo build && func start` now does the same");
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
    // Without this setting Core Tools asks for the language of the project.
    command.env("FUNCTIONS_WORKER_RUNTIME", "custom");
    let status = command.status()?;
    if status.success() { Ok(()) } else { Err(format!("func start failed ({status})").into()) }
}
