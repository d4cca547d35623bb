//! `acs-tokens quickstart`: Microsoft's quickstart *Create and manage access tokens*, run against the functions.
//!
//! stdout has the transcript only.

mod steps;

use std::net::SocketAddr;

use acs_identity::{ApiVersion, Endpoint, TeamsTokenRequest};
use clap::Args;
use secrecy::SecretString;
use tokio::net::TcpListener;
use uuid::Uuid;

use super::{Result, env_var, eprint, shutdown_signal, warn_of_unknown_settings};
use crate::{
    acs_client::AcsSettings,
    config::{Config, EnvReader, FUNCTION_KEY, TEAMS_APP_ID, TEAMS_TOKEN, TEAMS_USER_ID},
    server, startup, telemetry,
};
use steps::Steps;

/// Which steps to run, and where.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Also run the newer steps: lifetimes, several scopes, refresh, Teams
    #[arg(long)]
    full: bool,
    /// Run against a deployed app
    #[arg(long, value_name = "https://contoso.azurewebsites.net")]
    url: Option<Endpoint>,
    /// The function key of the deployed app; the variable keeps it out of the shell's history
    #[arg(long, env = FUNCTION_KEY, hide_env_values = true)]
    function_key: Option<SecretString>,
    #[command(flatten)]
    teams: TeamsOptions,
}

/// A Teams user's token to exchange. With the emulator it is not needed.
#[derive(Debug, Args)]
pub(super) struct TeamsOptions {
    /// A Teams user's Entra token, for --full
    #[arg(long = "teams-token", env = TEAMS_TOKEN, hide_env_values = true, requires_all = ["app_id", "user_id"])]
    token: Option<SecretString>,
    /// The client id of the Entra application that the token was issued to
    #[arg(long = "teams-app-id", env = TEAMS_APP_ID)]
    app_id: Option<Uuid>,
    /// The object id of the Teams user in Entra
    #[arg(long = "teams-user-id", env = TEAMS_USER_ID)]
    user_id: Option<Uuid>,
}

impl TeamsOptions {
    fn request(self) -> Option<TeamsTokenRequest> {
        Some(TeamsTokenRequest { token: self.token?, app_id: self.app_id?, user_id: self.user_id? })
    }
}

pub(super) async fn run(options: Options) -> Result<()> {
    warn_of_unknown_settings();
    let mut env = EnvReader::new(&env_var);
    env.check_values("quickstart");
    env.finish(Some(()))?;
    let mut teams = options.teams.request();
    let base = match options.url {
        Some(url) => url,
        None => format!("http://{}/", start(options.full, &mut teams).await?).parse()?,
    };
    let mut steps = Steps::new(&base, options.function_key, std::io::stdout())?;
    let result = tokio::select! {
        result = steps.run(options.full, teams.as_ref()) => result,
        () = shutdown_signal() => Err("interrupted".into()),
    };
    // Also if a step has failed.
    let cleaned = steps.clean_up().await;
    result.and(cleaned).map_err(Into::into)
}

/// Starts the functions with the resource that the environment names, else with an emulator.
async fn start(full: bool, teams: &mut Option<TeamsTokenRequest>) -> Result<SocketAddr> {
    // A failed step shows a problem; its cause is in the log.
    telemetry::init_stderr();
    let mut env = EnvReader::new(&env_var);
    let options = if env.names_a_resource() {
        let options = env.client();
        let options = env.finish(options)?;
        eprint(&format!("Using the ACS resource at {}", options.endpoint));
        options
    } else {
        let api_version = env.api_version();
        emulator(full, teams, env.finish(Some(api_version))?).await?
    };
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let router = startup::build(Config::local(options))?;
    tokio::spawn(server::run(listener, router, std::future::pending()));
    Ok(address)
}

#[cfg(feature = "emulator")]
async fn emulator(full: bool, teams: &mut Option<TeamsTokenRequest>, api_version: ApiVersion) -> Result<AcsSettings> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let emulator = crate::emulator::Emulator::new(<_>::default());
    tokio::spawn(async move { emulator.serve_http(listener).await });
    if full && teams.is_none() {
        let (app_id, user_id) = (Uuid::new_v4(), Uuid::new_v4());
        let token = steps::entra_token(address, app_id, user_id).await?;
        *teams = Some(TeamsTokenRequest { token, app_id, user_id });
    }
    super::dev::client_options(address, api_version)
}

#[cfg(not(feature = "emulator"))]
#[expect(clippy::unused_async, reason = "the variant with the emulator awaits")]
async fn emulator(_: bool, _: &mut Option<TeamsTokenRequest>, _: ApiVersion) -> Result<AcsSettings> {
    Err("this build has no emulator; set COMMUNICATION_SERVICES_CONNECTION_STRING, or use --url".into())
}
