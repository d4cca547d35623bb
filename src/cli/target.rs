//! The target of `identity` and `token`: the ACS resource of the settings, an app with `--url`, or `acs-tokens dev`.

use std::fmt;

use acs_identity::{
    AccessToken, CreatedIdentity, Endpoint, Error, IdentityClient, IdentityId, TeamsTokenRequest, TokenRequest,
};
use clap::Args;
use http::Method;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    Result,
    app::{App, Credential},
    env_reader, explain_acs, secret, warn_of_unknown_settings,
};
use crate::{
    config::{BEARER_TOKEN, FUNCTION_KEY},
    remedy::CredentialKind,
};

/// The address of the functions of `acs-tokens dev`.
pub(super) const DEV: &str = "http://127.0.0.1:7071";

/// The app to call. Without it, the command calls the ACS resource of the settings; without those, `acs-tokens dev`.
#[derive(Debug, Args)]
#[command(next_help_heading = "Target")]
pub(super) struct TargetOptions {
    /// Call this app; without it, the ACS resource of the settings, or `acs-tokens dev` if they name none
    #[arg(long, value_name = "https://contoso.azurewebsites.net")]
    url: Option<Endpoint>,
    /// A function key of the app, as `FUNCTION_KEY`; @<file> reads a file, @- reads stdin
    #[arg(long, value_name = "KEY", env = FUNCTION_KEY, hide_env_values = true, value_parser = secret::parse)]
    function_key: Option<SecretString>,
    /// A token of an issuer that the app trusts, instead of the key, as `BEARER_TOKEN`; @<file> and @- as above
    #[arg(long, value_name = "TOKEN", env = BEARER_TOKEN, hide_env_values = true, value_parser = secret::parse)]
    bearer_token: Option<SecretString>,
}

impl TargetOptions {
    /// Returns the target. `command` is a name in the table of settings.
    pub(super) fn target(self, command: &str) -> Result<Target> {
        warn_of_unknown_settings();
        let mut env = env_reader();
        env.check_values(command);
        let given = |secret: Option<SecretString>| secret.filter(|secret| !secret.expose_secret().is_empty());
        if let Some(url) = self.url {
            env.finish(Some(()))?;
            let bearer = given(self.bearer_token).map(Credential::Bearer);
            let credential = bearer.or_else(|| given(self.function_key).map(Credential::Key));
            return Ok(Target::App(App::new(url, credential)?));
        }
        if !env.names_a_resource() {
            env.finish(Some(()))?;
            // Without the credential, which is that of another app.
            return Ok(Target::Dev(App::new(DEV.parse()?, None)?));
        }
        let settings = env.client();
        let settings = env.finish(settings)?;
        let (kind, endpoint) = (settings.credential.kind(), settings.endpoint.clone());
        Ok(Target::Acs { client: settings.client()?, endpoint, kind })
    }
}

/// The target of a command.
#[derive(Debug)]
pub(super) enum Target {
    /// The ACS resource of the settings.
    Acs { client: IdentityClient, endpoint: Endpoint, kind: CredentialKind },
    /// The app of `--url`.
    App(App),
    /// `acs-tokens dev` on its default port.
    Dev(App),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Acs { endpoint, .. } => write!(f, "the ACS resource {endpoint}"),
            Self::App(app) => write!(f, "the app {}", app.base()),
            Self::Dev(app) => write!(f, "acs-tokens dev, {}: an emulator, not ACS", app.base()),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireCreated {
    identity: WireIdentity,
    access_token: Option<WireToken>,
}

#[derive(Deserialize)]
struct WireIdentity {
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireToken {
    token: SecretString,
    expires_on: jiff::Timestamp,
}

impl From<WireToken> for AccessToken {
    fn from(WireToken { token, expires_on }: WireToken) -> Self {
        Self::new(token, expires_on)
    }
}

impl Target {
    /// Creates an identity.
    pub(super) async fn create_identity(&self) -> Result<IdentityId> {
        match self {
            Self::Acs { client, kind, .. } => known(client.create_identity().await, *kind),
            Self::App(app) | Self::Dev(app) => {
                let created: WireCreated = read(app.call(Method::POST, "identities", Some(&json!({}))).await?)?;
                Ok(created.identity.id.parse()?)
            }
        }
    }

    /// Creates an identity with a token.
    pub(super) async fn create_identity_with_token(&self, request: &TokenRequest) -> Result<CreatedIdentity> {
        match self {
            Self::Acs { client, kind, .. } => known(client.create_identity_with_token(request).await, *kind),
            Self::App(app) | Self::Dev(app) => {
                let body = body("createTokenWithScopes", request);
                let created: WireCreated = read(app.call(Method::POST, "identities", Some(&body)).await?)?;
                let token = created.access_token.ok_or(UNEXPECTED)?.into();
                Ok(CreatedIdentity { id: created.identity.id.parse()?, token })
            }
        }
    }

    /// Issues a token.
    pub(super) async fn issue_token(&self, id: &IdentityId, request: &TokenRequest) -> Result<AccessToken> {
        match self {
            Self::Acs { client, kind, .. } => known(client.issue_token(id, request).await, *kind),
            Self::App(app) | Self::Dev(app) => {
                let (path, body) = (format!("identities/{id}/tokens"), body("scopes", request));
                Ok(read::<WireToken>(app.call(Method::POST, &path, Some(&body)).await?)?.into())
            }
        }
    }

    /// Revokes all tokens of an identity.
    pub(super) async fn revoke_tokens(&self, id: &IdentityId) -> Result<()> {
        match self {
            Self::Acs { client, kind, .. } => known(client.revoke_tokens(id).await, *kind),
            Self::App(app) | Self::Dev(app) => {
                app.call(Method::DELETE, &format!("identities/{id}/tokens"), None).await.map(drop)
            }
        }
    }

    /// Deletes an identity.
    pub(super) async fn delete_identity(&self, id: &IdentityId) -> Result<()> {
        match self {
            Self::Acs { client, kind, .. } => known(client.delete_identity(id).await, *kind),
            Self::App(app) | Self::Dev(app) => {
                app.call(Method::DELETE, &format!("identities/{id}"), None).await.map(drop)
            }
        }
    }

    /// Exchanges a Teams user's token.
    pub(super) async fn exchange_teams_token(&self, request: &TeamsTokenRequest) -> Result<AccessToken> {
        match self {
            Self::Acs { client, kind, .. } => known(client.exchange_teams_token(request).await, *kind),
            Self::App(app) | Self::Dev(app) => {
                let TeamsTokenRequest { token, app_id, user_id } = request;
                let body = json!({ "token": token.expose_secret(), "appId": app_id, "userId": user_id });
                Ok(read::<WireToken>(app.call(Method::POST, "teams/tokens", Some(&body)).await?)?.into())
            }
        }
    }
}

const UNEXPECTED: &str = "the response is not the expected JSON; compare --url with the address of the app";

fn read<T: DeserializeOwned>(answer: Value) -> Result<T> {
    Ok(serde_json::from_value(answer).map_err(|_| UNEXPECTED)?)
}

/// Returns the body of a request for a token. `scopes` is the name of that field.
fn body(scopes: &str, request: &TokenRequest) -> Value {
    let mut body = json!({ scopes: request.scopes() });
    if let Some(lifetime) = request.lifetime() {
        body["expiresInMinutes"] = json!(lifetime);
    }
    body
}

fn known<T>(result: std::result::Result<T, Error>, kind: CredentialKind) -> Result<T> {
    Ok(result.map_err(|error| explain_acs(&error, kind))?)
}
