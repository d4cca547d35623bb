//! Packages `bootstrap` for AWS Lambda. The runtime `provided.al2023` requires this name.

use clap::{Args, ValueEnum};

use crate::Result;
use crate::archive::{self, Entry};
use crate::build::{Program, Target};
use crate::workspace::Workspace;

/// Options of `package lambda`.
#[derive(Args)]
pub struct Options {
    /// Architecture of the Lambda function
    #[arg(long, value_enum, default_value_t = Architecture::Arm64)]
    arch: Architecture,
}

/// Architectures by their names in Lambda.
#[derive(Clone, Copy, ValueEnum)]
enum Architecture {
    Arm64,
    #[value(name = "x86_64")]
    X86_64,
}

/// Builds `bootstrap` without the emulator and writes target/bootstrap.zip.
pub fn package(options: &Options) -> Result<()> {
    let workspace = Workspace::find()?;
    let target = match options.arch {
        Architecture::Arm64 => Target::Aarch64Musl,
        Architecture::X86_64 => Target::X86_64Musl,
    };
    let features = &["--no-default-features", "--features", "lambda"];
    let program = Program { name: "bootstrap", target, release: true, features }.build(&workspace)?;
    let zip = workspace.output().join("bootstrap.zip");
    std::fs::create_dir_all(workspace.output())?;
    println!("{}", archive::describe(&program)?);
    archive::write(&zip, vec![Entry::program("bootstrap", &program)?])?;
    println!("{}", archive::describe(&zip)?);
    Ok(())
}
