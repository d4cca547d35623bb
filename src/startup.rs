//! Starts the service: reads the settings, sets up telemetry, and builds the router.

use std::{error::Error, fmt, process::ExitCode};

use acs_identity::Endpoint;
use axum::Router;

use crate::{
    acs_client,
    auth::BackendAuth,
    config::{Config, EnvReader, Program, default_log_filter},
    functions::Services,
    http::Api,
    telemetry,
};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// The service, ready to be served.
#[derive(Debug)]
pub struct App {
    /// The functions.
    pub router: Router,
    /// The port to listen on. Not used on Lambda.
    pub port: u16,
    /// The ACS resource.
    pub endpoint: Endpoint,
}

/// Reads the settings of a program from the environment, sets up telemetry, and builds the service.
///
/// # Errors
/// Returns all invalid settings, or the error of [`build`].
pub fn start(program: Program) -> Result<App> {
    let env = EnvReader::new(&|name| std::env::var_os(name)).with_names(std::env::vars_os().map(|(name, _)| name));
    let config = Config::from_reader(program, env);
    telemetry::init(config.as_ref().map_or_else(|_| default_log_filter(), |config| config.log_filter.clone()));
    let config = config?;
    if matches!(config.authenticator.backend_auth, BackendAuth::Anyone) {
        tracing::warn!("ALLOW_ANONYMOUS is true: back ends are not authenticated");
    }
    let (port, endpoint) = (config.port, config.client.endpoint.clone());
    Ok(App { router: build(config)?, port, endpoint })
}

/// Builds the client, the services and the router, and connects to ACS in the background. Requires a Tokio runtime.
///
/// # Errors
/// Fails if TLS cannot be set up or the folder of the user directory cannot be created.
pub fn build(config: Config) -> Result<Router> {
    let client = config.client.client()?;
    let services = Services::open(client.clone(), config.directory.as_ref())?;
    // Does not delay the first request. On Lambda, an instance has more processor time while it starts.
    tokio::spawn(acs_client::warm_up(client));
    let Config { authenticator, access, cors, .. } = config;
    Ok(Api { services, authenticator, access, cors }.into_router())
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
