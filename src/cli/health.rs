//! `acs-tokens health`: asks running functions or an emulator whether they are alive.

use std::time::Duration;

use acs_identity::{
    Endpoint, causes,
    http::{client_builder_for, read_body},
};
use clap::Args;
use serde::Deserialize;

use super::{Result, print};

/// The functions answer in less, also with `--ready`.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Longer than any answer.
const MAX_BODY: usize = 16 * 1024;

/// Which program to ask, and what.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The address of the functions or of the emulator
    #[arg(long, value_name = "http://127.0.0.1:8080")]
    url: Endpoint,
    /// Also ask whether ACS accepts the credential of the functions, and whether they can read the user directory
    #[arg(long)]
    ready: bool,
}

/// The answer: a status, or the detail of a problem.
#[derive(Default, Deserialize)]
struct Health {
    status: Option<serde_json::Value>,
    detail: Option<String>,
}

/// Prints one line and succeeds if the program is alive.
pub(super) async fn run(Options { url, ready }: Options) -> Result<()> {
    let http = client_builder_for(url.url())?.timeout(TIMEOUT).build()?;
    let asked = format!("{url}api/health{}", if ready { "?ready" } else { "" });
    let response = http.get(&asked).send().await;
    let response = response
        .map_err(|error| format!("{asked}: {}; is the program running there?", causes(&error.without_url())))?;
    let status = response.status();
    let body = read_body(response, MAX_BODY).await.map_err(|error| format!("{asked}: {}", causes(&error)))?;
    let health: Health = serde_json::from_slice(&body).unwrap_or_default();
    match health {
        Health { status: Some(serde_json::Value::String(text)), .. } if status.is_success() => {
            print(&format!("{asked}: {text}"));
            Ok(())
        }
        Health { detail: Some(detail), .. } => Err(format!("{asked} answers {status}: {detail}").into()),
        _ => {
            Err(format!("{asked} answers {status}; compare --url with the address of the functions or the emulator")
                .into())
        }
    }
}
