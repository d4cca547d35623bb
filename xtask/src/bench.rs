//! Builds the packaged `handler` as it is shipped and measures it with the package `bench`.

use std::ffi::OsString;
use std::process::Command;

use clap::Args;

use crate::Result;
use crate::build::{Program, Target};
use crate::workspace::{Workspace, cargo};

/// Options of a measurement.
#[derive(Args)]
pub struct Options {
    /// Options of the measurement, after `--`; `-- --help` lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    options: Vec<OsString>,
}

/// Counts instructions under callgrind.
pub fn instructions(options: &Options) -> Result<()> {
    measure(&Workspace::find()?, "instructions", &options.options)
}

/// Installs the peers and compares the packaged programs with them.
pub fn bench(options: &Options) -> Result<()> {
    let workspace = Workspace::find()?;
    let peers = workspace.target.join("bench");
    let installed = Command::new(workspace.root.join("bench/peers/install")).arg(&peers).status()?;
    if !installed.success() {
        return Err(format!("the peers could not be installed ({installed})").into());
    }
    let mut arguments = vec!["--peers".into(), peers.into_os_string()];
    // The build takes minutes, so a program that no section measures is not built.
    let sections = options.options.iter().skip_while(|option| *option != "--section").nth(1);
    if sections.is_none_or(|sections| sections.to_string_lossy().contains("lambda")) {
        let features = &["--no-default-features", "--features", "lambda"];
        let bootstrap = Program { name: "bootstrap", target: Target::X86_64Musl, release: true, features };
        arguments.extend(["--bootstrap".into(), bootstrap.build(&workspace)?.into_os_string()]);
    }
    arguments.extend_from_slice(&options.options);
    measure(&workspace, "compare", &arguments)
}

fn measure(workspace: &Workspace, measurement: &str, options: &[OsString]) -> Result<()> {
    let features = &["--no-default-features"];
    let handler = Program { name: "handler", target: Target::X86_64Musl, release: true, features }.build(workspace)?;
    let mut command = cargo();
    command.current_dir(&workspace.root).args([
        "run",
        "--quiet",
        "--profile",
        "measure",
        "--package",
        "bench",
        "--",
        "--handler",
    ]);
    let status = command.arg(handler).arg(measurement).args(options).status()?;
    if status.success() { Ok(()) } else { Err(format!("the measurement failed ({status})").into()) }
}
