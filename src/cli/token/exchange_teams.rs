//! `acs-tokens token exchange-teams`: exchanges the Entra token of a Teams user.

use acs_identity::TeamsTokenRequest;
use clap::Args;
use secrecy::SecretString;
use uuid::Uuid;

use super::{
    super::{Result, secret, target::TargetOptions},
    COMMAND, Format, Issued,
};
use crate::config::{TEAMS_APP_ID, TEAMS_TOKEN, TEAMS_USER_ID};

/// Exchange the Entra token of a Teams user for an access token
///
/// The access token lets a client act as the Teams user, and expires with the Entra token.
#[derive(Debug, Args)]
pub(in super::super) struct Options {
    /// The Teams user's Entra token; @<file> reads a file, @- reads stdin
    #[arg(long, value_name = "TOKEN", env = TEAMS_TOKEN, hide_env_values = true, value_parser = secret::parse)]
    teams_token: SecretString,
    /// The client id of the Entra application that the token was issued to
    #[arg(long, value_name = "GUID", env = TEAMS_APP_ID)]
    teams_app_id: Uuid,
    /// The object id of the Teams user in Entra
    #[arg(long, value_name = "GUID", env = TEAMS_USER_ID)]
    teams_user_id: Uuid,
    #[command(flatten)]
    format: Format,
    #[command(flatten)]
    target: TargetOptions,
}

pub(super) async fn run(options: Options) -> Result<()> {
    let target = options.target.target(COMMAND)?;
    let (app_id, user_id) = (options.teams_app_id, options.teams_user_id);
    let request = TeamsTokenRequest { token: options.teams_token, app_id, user_id };
    let token = target.exchange_teams_token(&request).await?;
    Issued {
        token: &token,
        fields: vec![("user", serde_json::json!(user_id))],
        remarks: vec![("Allows", "Calling as the Teams user".to_owned()), ("For", format!("the Teams user {user_id}"))],
        target: &target,
    }
    .print(&options.format)
}
