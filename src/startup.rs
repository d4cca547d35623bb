//! Starts the service: reads the settings, sets up telemetry, and builds the router.

use std::{error::Error, fmt, future::Future, process::ExitCode, time::Duration};

use acs_identity::Endpoint;
use axum::Router;
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

use crate::{
    acs_client,
    config::{Config, EnvReader, Program, SettingWarning, unknown_settings},
    functions::{Services, docs::EmulatorOrigin},
    http::Api,
    server::{self, Limits},
    telemetry,
};

/// The time that work has to finish whose request was dropped at shutdown. With [`server::GRACE`], it is less than the
/// 30 s after which Kubernetes kills the process.
const CLEAN_UP: Duration = Duration::from_secs(5);

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// The service, ready to be served.
#[derive(Debug)]
pub struct App {
    /// The functions.
    pub router: Router,
    /// Work that continues if its request ends early, such as the deletion of an identity whose caller disconnected.
    pub tasks: TaskTracker,
    /// The limits on connections. Not used on Lambda.
    pub limits: Limits,
    /// The port to listen on. Not used on Lambda.
    pub port: u16,
    /// The ACS resource.
    pub endpoint: Endpoint,
}

impl App {
    /// Serves the functions until `shutdown` completes, then waits for open requests and for the work that they left.
    pub async fn serve(self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let left = server::run(listener, self.router, self.limits, shutdown).await;
        if !finished(&self.tasks, left + CLEAN_UP).await {
            tracing::warn!("shutdown timed out: an identity may be left in ACS that no caller knows");
        }
    }
}

/// Waits for the work that requests left, for at most this time. Returns whether it has finished.
pub async fn finished(tasks: &TaskTracker, limit: Duration) -> bool {
    tasks.close();
    let in_time = tokio::time::timeout(limit, tasks.wait()).await.is_ok();
    tasks.reopen();
    in_time
}

/// Reads the settings of a program from the environment, sets up telemetry, and builds the service.
///
/// # Errors
/// Returns all invalid settings, or the error of [`build`].
pub fn start(program: Program) -> Result<App> {
    let mut env = EnvReader::new(&|name| std::env::var_os(name)).with_names(std::env::vars_os().map(|(name, _)| name));
    telemetry::init(env.log_filter(program), env.log_format());
    // Also if a setting is missing: its name may be misspelled.
    warn(&unknown_settings(std::env::vars_os().map(|(name, _)| name)));
    let config = Config::from_reader(program, env)?;
    warn(&config.warnings);
    if let Some(back_ends) = config.authenticator.back_ends() {
        tracing::info!("{back_ends}");
    }
    build(config)
}

/// Logs warnings about settings.
pub fn warn(warnings: &[SettingWarning]) {
    for warning in warnings {
        tracing::warn!("{warning}");
    }
}

/// Builds the client, the services and the router, and connects to ACS in the background. Requires a Tokio runtime.
///
/// # Errors
/// Fails if TLS cannot be set up or the folder of the user directory cannot be created.
pub fn build(config: Config) -> Result<App> {
    let endpoint = config.client.endpoint.clone();
    let client = config.client.client()?;
    let services = Services::open(client.clone(), config.directory.as_ref())?;
    let services = Services { emulator: EmulatorOrigin(config.emulator), ..services };
    let tasks = services.tasks.clone();
    // Does not delay the first request. On Lambda, an instance has more processor time while it starts.
    tokio::spawn(acs_client::warm_up(client, endpoint.clone()));
    let Config { authenticator, access, cors, limits, port, .. } = config;
    let router = Api { services, authenticator, access, cors }.into_router();
    Ok(App { router, tasks, limits, port, endpoint })
}

/// Logs the error with which a program ends, and returns its exit code.
pub fn finish(result: std::result::Result<(), impl fmt::Display>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(cause = %error, "cannot start");
            // The Functions host restarts a handler that fails. It does not restart one that exits with 0.
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn work_of_requests_is_waited_for_within_the_limit() {
        let tasks = TaskTracker::new();
        let limit = Duration::from_secs(1);
        assert!(finished(&tasks, limit).await);
        // Work may leave other work, as a lost answer leaves a deletion.
        let inner = tasks.clone();
        tasks.spawn(async move { drop(inner.spawn(std::future::ready(()))) });
        assert!(finished(&tasks, limit).await);
        assert!(tasks.is_empty());
        tasks.spawn(std::future::pending::<()>());
        assert!(!finished(&tasks, limit).await);
        // The next request of the process is tracked, too.
        assert!(!tasks.is_closed());
    }
}
