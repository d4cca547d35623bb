//! Makes what is deployed: `cargo xtask package azure`, `package lambda`, and `start` for the Functions Core Tools.

mod archive;
mod azure;
mod build;
mod lambda;
mod settings;
mod start;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What a task ends with: a text for the person at the terminal is all anybody does with a failure here.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Stages and packages the functions", disable_version_flag = true)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build and package for deployment
    #[command(subcommand)]
    Package(Package),
    /// Stage for this machine and run `func start` on it
    Start(start::Options),
}

#[derive(Subcommand)]
enum Package {
    /// target/functions-app and target/functions-app.zip, for the Azure Functions host
    Azure(azure::Options),
    /// target/bootstrap.zip, for AWS Lambda's provided.al2023
    Lambda(lambda::Options),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().task {
        Task::Package(Package::Azure(options)) => azure::package(&options),
        Task::Package(Package::Lambda(options)) => lambda::package(&options),
        Task::Start(options) => start::start(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
