//! Measures the packaged program: instruction counts, and requests per second beside peers.

mod callgrind;
mod compare;
mod contender;
#[path = "../../tests/host/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the tests use the rest")]
mod host;
mod instruction_growth;
mod instructions;
mod issuer;
mod load;
mod scenario;
mod service;
mod upstream;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

/// The result of a measurement. Errors are only printed.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[derive(Parser)]
#[command(about = "Measures the packaged program")]
struct Arguments {
    /// The program `handler`
    #[arg(long, value_name = "FILE")]
    handler: PathBuf,
    #[command(subcommand)]
    measurement: Measurement,
}

#[derive(Subcommand)]
enum Measurement {
    /// Count instructions under callgrind and compare them with the budgets in bench/instructions.json
    Instructions(instructions::Options),
    /// Measure requests per second and latencies beside peers
    Compare(compare::Options),
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    let Arguments { handler, measurement } = Arguments::parse();
    let result = match measurement {
        Measurement::Instructions(options) => instructions::run(&handler, &options).await,
        Measurement::Compare(options) => compare::run(&handler, &options).await,
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
