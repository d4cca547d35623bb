//! The steps of the quickstart. Each calls one function.

use std::{fmt, io::Write};

use acs_identity::TeamsTokenRequest;
use http::Method;
use reqwest::RequestBuilder;
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::app::{self, App};

/// An error names the failed step.
pub(super) type Result<T> = std::result::Result<T, String>;

/// The steps against one address, and the identities that they have created.
pub(super) struct Steps<W> {
    app: App,
    out: W,
    created: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Token {
    token: String,
    expires_on: String,
}

impl<W: Write> Steps<W> {
    /// Prepares the steps against an app.
    pub(super) const fn new(app: App, out: W) -> Self {
        Self { app, out, created: Vec::new() }
    }

    /// Runs the steps up to the first that fails.
    pub(super) async fn run(&mut self, full: bool, teams: Option<&TeamsTokenRequest>) -> Result<()> {
        self.print("Azure Communication Services - Access Tokens Quickstart\n");
        let (id, _) = self.create("create an identity", &json!({})).await?;
        self.print(format_args!("Created an identity: {id}\n"));

        let tokens = format!("identities/{id}/tokens");
        let voip = json!({"scopes": ["voip"]});
        let text = "Issued an access token with 'voip' scope that expires at";
        self.issue("issue a token", &tokens, &voip, text).await?;
        if full {
            self.run_newer_steps(&tokens, teams).await?;
        }

        self.call("revoke the tokens", Method::DELETE, &tokens, None).await?;
        self.print(format_args!("Successfully revoked all access tokens for identity with ID: {id}\n"));

        self.delete("delete the identity", &id).await?;
        self.print(format_args!("Deleted the identity with ID: {id}"));
        Ok(())
    }

    /// Runs the steps that were added to the quickstart later.
    async fn run_newer_steps(&mut self, tokens: &str, teams: Option<&TeamsTokenRequest>) -> Result<()> {
        let text = "Issued an access token with 'voip' scope and a validity of 60 minutes that expires at";
        let request = json!({"scopes": ["voip"], "expiresInMinutes": 60});
        self.issue("issue a token for an hour", tokens, &request, text).await?;

        let request = json!({"scopes": ["chat", "voip"]});
        let text = "Issued an access token with 'chat' and 'voip' scopes that expires at";
        self.issue("issue a token with two scopes", tokens, &request, text).await?;
        let text = "Refreshed the access token with 'chat' and 'voip' scopes; it expires at";
        self.issue("refresh the token", tokens, &request, text).await?;

        let step = "create an identity with a token";
        let (id, token) = self.create(step, &json!({"createTokenWithScopes": ["voip"]})).await?;
        self.print(format_args!("Created an identity with an access token in one call: {id}\n"));
        self.print_token(step, "Issued with it an access token with 'voip' scope that expires at", token)?;
        self.delete("delete the second identity", &id).await?;
        self.print(format_args!("Deleted the identity with ID: {id}\n"));

        let Some(TeamsTokenRequest { token, app_id, user_id }) = teams else {
            self.print("Skipped the exchange of a Teams user's token: no --teams-token was given\n");
            return Ok(());
        };
        let request = json!({"token": token.expose_secret(), "appId": app_id, "userId": user_id});
        let text = "Exchanged a Teams user's Entra token for an access token that expires at";
        self.issue("exchange a Teams user's token", "teams/tokens", &request, text).await
    }

    /// Deletes the identities that are left over.
    pub(super) async fn clean_up(&mut self) -> Result<()> {
        let mut result = Ok(());
        for id in self.created.clone() {
            if let Err(error) = self.delete("clean up", &id).await {
                result = Err(format!("{error}\nthe identity {id} still exists; delete it"));
            }
        }
        result
    }

    /// Creates an identity. Returns its id and the `accessToken` of the response.
    async fn create(&mut self, step: &'static str, request: &Value) -> Result<(String, Value)> {
        let mut response = self.call(step, Method::POST, "identities", Some(request)).await?;
        let id = response["identity"]["id"].as_str().ok_or_else(|| unexpected(step))?.to_owned();
        self.created.push(id.clone());
        Ok((id, response["accessToken"].take()))
    }

    /// Requests a token and prints it.
    async fn issue(&mut self, step: &'static str, path: &str, request: &Value, text: &str) -> Result<()> {
        let token = self.call(step, Method::POST, path, Some(request)).await?;
        self.print_token(step, text, token)
    }

    async fn delete(&mut self, step: &'static str, id: &str) -> Result<()> {
        self.call(step, Method::DELETE, &format!("identities/{id}"), None).await?;
        self.created.retain(|created| created != id);
        Ok(())
    }

    pub(super) async fn call(
        &self,
        step: &'static str,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value> {
        self.app.send(method, path, body).await.map_err(|error| failed(step, error))
    }

    /// Returns a request to a function, without a key.
    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.app.request(method, path)
    }

    pub(super) fn print_token(&mut self, step: &'static str, text: &str, token: Value) -> Result<()> {
        let Token { token, expires_on } = serde_json::from_value(token).map_err(|_| unexpected(step))?;
        self.print(format_args!("{text} {expires_on}:\n{token}\n"));
        Ok(())
    }

    pub(super) fn print(&mut self, text: impl fmt::Display) {
        // Ignores a closed pipe: the steps go on, so that the identities are deleted.
        let _ = writeln!(self.out, "{text}");
    }
}

/// Sends a request. Returns the JSON of a successful response, `null` if it has no body.
pub(super) async fn send(step: &'static str, request: RequestBuilder, body: Option<&Value>) -> Result<Value> {
    app::send(request, body).await.map_err(|error| failed(step, error))
}

pub(super) fn unexpected(step: &'static str) -> String {
    failed(step, "the response is not the expected JSON")
}

pub(super) fn failed(step: &'static str, cause: impl fmt::Display) -> String {
    format!("the step '{step}' failed: {cause}")
}
