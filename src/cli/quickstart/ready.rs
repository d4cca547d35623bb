//! Waits until a deployed app is ready: after a deployment, role assignments and the start of the app take minutes.

use std::{fmt, time::Duration};

use acs_identity::{causes, http::read_body};
use http::StatusCode;
use jiff::SignedDuration;
use serde::Deserialize;
use tokio::time::{Instant, sleep};

use super::super::{app::App, eprint};

const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The app caches its readiness for 30 s, so asking more often gains little.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Longer than any answer of `health`.
const MAX_BODY: usize = 16 * 1024;

/// The reason why an app is not ready.
#[derive(Debug, PartialEq, Eq)]
struct Obstacle {
    cause: String,
    remedy: &'static str,
    /// Whether waiting can help.
    passing: bool,
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}. {}", self.cause.trim_end_matches('.'), self.remedy)
    }
}

/// The answer of `health`: its status, or a problem.
#[derive(Deserialize)]
struct Health {
    #[serde(default)]
    status: serde_json::Value,
    #[serde(default)]
    code: String,
    #[serde(default)]
    detail: String,
}

/// Parses the option `--wait`.
pub(super) fn parse_limit(text: &str) -> Result<SignedDuration, String> {
    let limit = text.parse::<SignedDuration>().ok().filter(|limit| !limit.is_negative());
    limit.ok_or_else(|| "not a duration; write a number and a unit, such as 10m or 90s".to_owned())
}

/// Waits until `GET /api/health?ready` answers 200, and prints to stderr what it waits for.
///
/// # Errors
/// The cause and the remedy, after the limit or as soon as waiting cannot help.
pub(super) async fn wait(app: &App, limit: SignedDuration) -> Result<(), String> {
    let url = format!("{}api/health?ready", app.base());
    let deadline = Instant::now() + limit.unsigned_abs();
    let mut pause = FIRST_PAUSE;
    let mut printed = None;
    loop {
        let Err(obstacle) = ask(app.http(), &url).await else { return Ok(()) };
        if !obstacle.passing {
            return Err(format!("the app is not ready: {obstacle}"));
        }
        if Instant::now() + pause > deadline {
            return Err(format!("the app is not ready after {limit:#}: {obstacle}"));
        }
        if printed.as_ref() != Some(&obstacle.cause) {
            eprint(&format!("Waiting {limit:#} at most for {url}: {obstacle}"));
            printed = Some(obstacle.cause);
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Asks the app once whether it is ready.
async fn ask(http: &reqwest::Client, url: &str) -> Result<(), Obstacle> {
    let response = match http.get(url).send().await {
        Ok(response) => response,
        Err(error) => {
            return Err(Obstacle {
                cause: causes(&error.without_url()),
                remedy: "Compare --url with the address of the app",
                passing: true,
            });
        }
    };
    let status = response.status();
    let body = read_body(response, MAX_BODY).await.unwrap_or_default();
    let health = serde_json::from_slice::<Health>(&body).ok();
    match health {
        Some(health) if status.is_success() && health.status == "ready" => Ok(()),
        Some(health) if health.code == "not-ready" => Err(Obstacle {
            cause: health.detail,
            remedy: "A new role assignment takes up to 10 minutes; if this lasts longer, the log of the app names \
                     the cause and the remedy",
            passing: true,
        }),
        _ => Err(unexpected(status)),
    }
}

/// Returns the obstacle for an answer that is not of the function `health`.
fn unexpected(status: StatusCode) -> Obstacle {
    let (remedy, passing) = match status.as_u16() {
        404 => ("The package is not deployed yet, or --url is not the address of this service", true),
        408 | 429 | 500.. => ("The host of the app is starting, or cannot start it: see the log of the app", true),
        401 | 403 => ("Turn off the app's authentication and access restrictions for /api/health", false),
        300..=399 => ("Use the address that the redirect names as --url", false),
        _ => ("Compare --url with the address of the app", false),
    };
    Obstacle { cause: format!("the answer is {status}"), remedy, passing }
}
