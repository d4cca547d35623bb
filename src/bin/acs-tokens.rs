//! `acs-tokens`: the command line.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    acs_tokens::cli::run().await
}
