//! `acs-tokens quickstart`: Microsoft's quickstart *Create and manage access tokens*, walked through the functions.
//!
//! stdout holds the transcript and nothing else.

mod walk;

use std::net::SocketAddr;

use acs_identity::{Endpoint, TeamsTokenRequest};
use clap::Args;
use secrecy::SecretString;
use tokio::net::TcpListener;
use uuid::Uuid;

use super::{Result, asked_to_stop, eprint};
use crate::{acs_client::AcsSettings, auth::BackendAuth, config::EnvReader, http::router, server, telemetry};
use walk::Walk;

/// What to walk, and how far.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Also walk what the quickstart has gained since: lifetimes, several scopes, refresh, Teams
    #[arg(long)]
    full: bool,
    /// Walk a deployed app instead
    #[arg(long, value_name = "https://contoso.azurewebsites.net")]
    url: Option<Endpoint>,
    /// The deployed app's function key; a variable keeps it out of the shell's history
    #[arg(long, env = "FUNCTION_KEY", hide_env_values = true)]
    function_key: Option<SecretString>,
    #[command(flatten)]
    teams: TeamsOptions,
}

/// A Teams user's token for the exchange; the emulator makes one itself.
#[derive(Debug, Args)]
pub(super) struct TeamsOptions {
    /// A Teams user's Entra token, for --full
    #[arg(long = "teams-token", env = "TEAMS_TOKEN", hide_env_values = true, requires_all = ["app_id", "user_id"])]
    token: Option<SecretString>,
    /// The id of the Entra application that the token was issued to
    #[arg(long = "teams-app-id", env = "TEAMS_APP_ID")]
    app_id: Option<Uuid>,
    /// The object id of the Teams user in Entra
    #[arg(long = "teams-user-id", env = "TEAMS_USER_ID")]
    user_id: Option<Uuid>,
}

impl TeamsOptions {
    fn given(self) -> Option<TeamsTokenRequest> {
        Some(TeamsTokenRequest { token: self.token?, app_id: self.app_id?, user_id: self.user_id? })
    }
}

pub(super) async fn run(options: Options) -> Result<()> {
    let mut teams = options.teams.given();
    let base = match options.url {
        Some(url) => url,
        None => format!("http://{}/", start(options.full, &mut teams).await?).parse()?,
    };
    let mut walk = Walk::new(&base, options.function_key, std::io::stdout())?;
    let walked = tokio::select! {
        walked = walk.walk(options.full, teams.as_ref()) => walked,
        () = asked_to_stop() => Err("stopped half way".into()),
    };
    // Also, and above all, when a step has failed.
    let cleaned = walk.clean_up().await;
    walked.and(cleaned).map_err(Into::into)
}

/// Starts the functions: in front of the resource that the environment names, else of an emulator.
async fn start(full: bool, teams: &mut Option<TeamsTokenRequest>) -> Result<SocketAddr> {
    let mut settings = EnvReader::new(&|name| std::env::var_os(name));
    // What the functions would log is the cause of what they answer.
    telemetry::init_aside();
    let acs = if settings.names_a_resource() {
        let acs = settings.acs();
        let acs = settings.finish(acs)?;
        eprint(&format!("Using the ACS resource at {}", acs.endpoint));
        acs
    } else {
        emulator(full, teams).await?
    };
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let app = router(acs.client()?, &BackendAuth::Anyone.into());
    tokio::spawn(server::run(listener, app, std::future::pending()));
    Ok(address)
}

#[cfg(feature = "emulator")]
async fn emulator(full: bool, teams: &mut Option<TeamsTokenRequest>) -> Result<AcsSettings> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let emulator = crate::emulator::Emulator::new(<_>::default());
    tokio::spawn(async move { emulator.serve_http(listener).await });
    if full && teams.is_none() {
        let (app_id, user_id) = (Uuid::new_v4(), Uuid::new_v4());
        *teams = Some(TeamsTokenRequest { token: walk::entra_token(address, app_id, user_id).await?, app_id, user_id });
    }
    super::dev::settings_for(address)
}

#[cfg(not(feature = "emulator"))]
#[expect(clippy::unused_async, reason = "the emulator's twin awaits")]
async fn emulator(_: bool, _: &mut Option<TeamsTokenRequest>) -> Result<AcsSettings> {
    Err("this build has no emulator; set COMMUNICATION_SERVICES_CONNECTION_STRING, or give --url".into())
}
