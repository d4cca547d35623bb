//! Packages the functions (`cargo xtask package azure`, `package lambda`, `package container`) and the program (`dist`), runs the functions
//! under Core Tools (`start`), and measures them (`instructions`, `bench`).

mod archive;
mod azure;
mod bench;
mod build;
mod container;
mod dist;
mod lambda;
mod settings;
mod start;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The result of a task. Errors are only printed.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Packages, runs and measures the functions", disable_version_flag = true)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build the functions and package them for deployment
    #[command(subcommand)]
    Package(Package),
    /// Write target/dist: what installs acs-tokens without Rust
    Dist(dist::Options),
    /// Build the functions for this machine and run them with `func start`
    Start(start::Options),
    /// Count the instructions of requests to the packaged handler; requires valgrind
    Instructions(bench::Options),
    /// Compare the packaged handler with Express, Fastify, `FastAPI` and nginx
    Bench(bench::Options),
}

#[derive(Subcommand)]
enum Package {
    /// Write target/functions-app and target/functions-app.zip for Azure Functions
    Azure(azure::Options),
    /// Write target/bootstrap.zip for AWS Lambda (provided.al2023)
    Lambda(lambda::Options),
    /// Write target/container/ for Containerfile and Containerfile.emulator
    Container(container::Options),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().task {
        Task::Package(Package::Azure(options)) => azure::package(&options),
        Task::Package(Package::Lambda(options)) => lambda::package(&options),
        Task::Package(Package::Container(options)) => container::package(&options),
        Task::Dist(options) => dist::dist(&options),
        Task::Start(options) => start::start(&options),
        Task::Instructions(options) => bench::instructions(&options),
        Task::Bench(options) => bench::bench(&options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
