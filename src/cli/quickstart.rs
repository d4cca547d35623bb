//! `acs-tokens quickstart`: Microsoft's quickstart *Create and manage access tokens*, run against the functions.
//!
//! stdout has the transcript only.

mod emulated;
mod ready;
mod steps;

use std::net::SocketAddr;

use acs_identity::{ApiVersion, Endpoint, TeamsTokenRequest};
use clap::Args;
use jiff::SignedDuration;
use secrecy::SecretString;
use serde_json::json;
use tokio::net::TcpListener;
use uuid::Uuid;

use super::{
    Result,
    app::{App, Credential},
    env_var, eprint, secret, shutdown_signal, warn_of_unknown_settings,
};
use crate::{
    acs_client::AcsSettings,
    auth::{BackendAuth, CallerKey},
    config::{Config, EnvReader, FUNCTION_KEY, TEAMS_APP_ID, TEAMS_TOKEN, TEAMS_USER_ID},
    directory::{DirectoryKey, DirectorySettings, StoreLocation},
    startup, telemetry,
};
use emulated::Emulated;
use steps::Steps;

/// Which steps to run, and where.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Also run the newer steps: lifetimes, several scopes, refresh, Teams, and with the emulator Teams Phone and a
    /// guest
    #[arg(long)]
    full: bool,
    /// Run against a deployed app
    #[arg(long, value_name = "https://contoso.azurewebsites.net")]
    url: Option<Endpoint>,
    /// The time to wait until the deployed app is ready, such as 90s; 0s asks once
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = ready::parse_limit)]
    wait: SignedDuration,
    /// The function key of the deployed app; @<file> reads a file, @- reads stdin
    #[arg(long, value_name = "KEY", env = FUNCTION_KEY, hide_env_values = true, value_parser = secret::parse)]
    function_key: Option<SecretString>,
    #[command(flatten)]
    teams: TeamsOptions,
}

/// A Teams user's token to exchange. With the emulator it is not needed.
#[derive(Debug, Args)]
pub(super) struct TeamsOptions {
    /// A Teams user's Entra token, for --full
    #[arg(
        long = "teams-token",
        value_name = "TOKEN",
        env = TEAMS_TOKEN,
        hide_env_values = true,
        value_parser = secret::parse,
        requires_all = ["app_id", "user_id"]
    )]
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
    let mut emulated = None;
    let (base, key, wait) = if let Some(url) = options.url {
        (url, options.function_key, Some(options.wait))
    } else {
        let (settings, started) = resource(options.full, &mut teams).await?;
        emulated = started;
        let (address, key) = serve(settings).await?;
        (format!("http://{address}/").parse()?, Some(key), None)
    };
    let app = App::new(base, key.map(Credential::Key))?;
    if let Some(limit) = wait {
        tokio::select! {
            result = ready::wait(&app, limit) => result?,
            () = shutdown_signal() => return Err("interrupted".into()),
        }
    }
    let mut steps = Steps::new(app, std::io::stdout());
    let run = async {
        steps.run(options.full, teams.as_ref()).await?;
        if options.full { steps.run_on_emulator(emulated.as_ref()).await } else { Ok(()) }
    };
    let result = tokio::select! {
        result = run => result,
        () = shutdown_signal() => Err("interrupted".into()),
    };
    // Also if a step has failed.
    let cleaned = steps.clean_up().await;
    result.and(cleaned).map_err(Into::into)
}

/// Returns the resource that the environment names, else starts an emulator.
async fn resource(full: bool, teams: &mut Option<TeamsTokenRequest>) -> Result<(AcsSettings, Option<Emulated>)> {
    // A failed step shows a problem; its cause is in the log.
    telemetry::init_stderr();
    let mut env = EnvReader::new(&env_var);
    if env.names_a_resource() {
        let options = env.client();
        let options = env.finish(options)?;
        eprint(&format!("Using the ACS resource at {}", options.endpoint));
        Ok((options, None))
    } else {
        let api_version = env.api_version();
        let (settings, address) = emulator(env.finish(Some(api_version))?).await?;
        let emulated = Emulated::new(address, settings.clone().client()?)?;
        if full && teams.is_none() {
            let (app_id, user_id) = (Uuid::new_v4(), Uuid::new_v4());
            let token = emulated.entra_token(&json!({ "appId": app_id, "userId": user_id })).await?;
            *teams = Some(TeamsTokenRequest { token, app_id, user_id });
        }
        Ok((settings, Some(emulated)))
    }
}

/// Serves the functions on loopback. They accept only a random key, because every program of this machine can call them
/// and they issue tokens of the resource. Returns the address and the key.
async fn serve(options: AcsSettings) -> Result<(SocketAddr, SecretString)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let key = SecretString::from(format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple()));
    let keys = vec![CallerKey { name: "quickstart".to_owned(), key: key.clone() }];
    let app = startup::build(Config {
        authenticator: BackendAuth::Keys(keys).into(),
        directory: Some(DirectorySettings::at(StoreLocation::Memory, DirectoryKey::random())),
        ..Config::local(options)
    })?;
    tokio::spawn(app.serve(listener, std::future::pending()));
    Ok((address, key))
}

#[cfg(feature = "emulator")]
async fn emulator(api_version: ApiVersion) -> Result<(AcsSettings, SocketAddr)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let emulator = crate::emulator::Emulator::new(<_>::default());
    tokio::spawn(async move { emulator.serve_http(listener).await });
    Ok((super::dev::client_options(address, api_version)?, address))
}

#[cfg(not(feature = "emulator"))]
#[expect(clippy::unused_async, reason = "the variant with the emulator awaits")]
async fn emulator(_: ApiVersion) -> Result<(AcsSettings, SocketAddr)> {
    Err("this build has no emulator; set COMMUNICATION_SERVICES_CONNECTION_STRING, or use --url".into())
}

#[cfg(all(test, feature = "emulator"))]
mod tests {
    use super::*;
    use crate::auth::KEY_HEADER;

    #[tokio::test]
    async fn other_programs_of_this_machine_cannot_call_the_functions_of_a_run() {
        use secrecy::ExposeSecret as _;

        let (settings, _) = emulator(ApiVersion::default()).await.unwrap();
        let (address, key) = serve(settings.clone()).await.unwrap();
        let (_, other) = serve(settings).await.unwrap();
        let http = acs_identity::http::client_builder().no_proxy().build().unwrap();
        let create = || {
            http.post(format!("http://{address}/api/identities")).header("content-type", "application/json").body("{}")
        };
        assert_eq!(create().send().await.unwrap().status(), 401);
        assert_eq!(create().header(KEY_HEADER, other.expose_secret()).send().await.unwrap().status(), 401);
        assert_eq!(create().header(KEY_HEADER, key.expose_secret()).send().await.unwrap().status(), 201);
    }
}
