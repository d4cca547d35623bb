//! Builds the packaged `handler` as it is shipped and measures it with the package `bench`.

use clap::Args;

use crate::Result;
use crate::build::{Program, Target};
use crate::workspace::{Workspace, cargo};

/// Options of `instructions`.
#[derive(Args)]
pub struct InstructionOptions {
    /// Write the counts into bench/instructions.json instead of comparing them
    #[arg(long)]
    update: bool,
}

/// Counts instructions under callgrind.
pub fn instructions(options: &InstructionOptions) -> Result<()> {
    measure("instructions", options.update.then_some("--update"))
}

fn measure(measurement: &str, option: Option<&str>) -> Result<()> {
    let workspace = Workspace::find()?;
    let features = &["--no-default-features"];
    let handler = Program { name: "handler", target: Target::X86_64Musl, release: true, features }.build(&workspace)?;
    let mut command = cargo();
    command.current_dir(&workspace.root).args(["run", "--quiet", "--package", "bench", "--", "--handler"]);
    let status = command.arg(handler).arg(measurement).args(option).status()?;
    if status.success() { Ok(()) } else { Err(format!("the measurement failed ({status})").into()) }
}
