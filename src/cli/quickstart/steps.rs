//! The steps of the quickstart. Each calls one function.

use std::{fmt, io::Write, time::Duration};

use http::Method;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    acs::{TeamsTokenRequest, endpoint::Endpoint, error::causes},
    auth::KEY_HEADER,
};

/// An error names the failed step.
pub(super) type Result<T> = std::result::Result<T, String>;

/// The steps against one address, and the identities that they have created.
pub(super) struct Steps<W> {
    http: reqwest::Client,
    base: String,
    function_key: Option<SecretString>,
    out: W,
    created: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Created {
    identity: Identity,
    access_token: Option<Token>,
}

#[derive(Deserialize)]
struct Identity {
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Token {
    token: String,
    expires_on: String,
}

/// The fields of a problem (RFC 9457) that are shown.
#[derive(Deserialize)]
struct Problem {
    title: String,
    detail: String,
}

impl<W: Write> Steps<W> {
    /// Prepares the steps against an address.
    pub(super) fn new(base: &Endpoint, function_key: Option<SecretString>, out: W) -> reqwest::Result<Self> {
        // Longer than the timeout of the functions, so that their response arrives.
        let mut http = reqwest::Client::builder().timeout(Duration::from_secs(60));
        if base.is_loopback() {
            http = http.no_proxy();
        }
        Ok(Self { http: http.build()?, base: base.to_string(), function_key, out, created: Vec::new() })
    }

    /// Runs the steps up to the first that fails.
    pub(super) async fn run(&mut self, full: bool, teams: Option<&TeamsTokenRequest>) -> Result<()> {
        self.print(format_args!("Azure Communication Services - Access Tokens Quickstart\n"));
        let id = self.create("create an identity", json!({})).await?.identity.id;
        self.print(format_args!("Created an identity: {id}\n"));

        let token = self.issue("issue a token", &id, json!({"scopes": ["voip"]})).await?;
        self.print_token("Issued an access token with 'voip' scope that expires at", &token);
        if full {
            self.run_newer_steps(&id, teams).await?;
        }

        self.call("revoke the tokens", Method::DELETE, &format!("identities/{id}/tokens"), None).await?;
        self.print(format_args!("Successfully revoked all access tokens for identity with ID: {id}\n"));

        self.delete("delete the identity", &id).await?;
        self.print(format_args!("Deleted the identity with ID: {id}"));
        Ok(())
    }

    /// Runs the steps that were added to the quickstart later.
    async fn run_newer_steps(&mut self, id: &str, teams: Option<&TeamsTokenRequest>) -> Result<()> {
        let request = json!({"scopes": ["voip"], "expiresInMinutes": 60});
        let token = self.issue("issue a token for an hour", id, request).await?;
        self.print_token(
            "Issued an access token with 'voip' scope and a validity of 60 minutes that expires at",
            &token,
        );

        let token = self.issue("issue a token with two scopes", id, json!({"scopes": ["chat", "voip"]})).await?;
        self.print_token("Issued an access token with 'chat' and 'voip' scopes that expires at", &token);

        let token = self.issue("refresh the token", id, json!({"scopes": ["chat", "voip"]})).await?;
        self.print_token("Refreshed the access token with 'chat' and 'voip' scopes; it expires at", &token);

        let step = "create an identity with a token";
        let created = self.create(step, json!({"createTokenWithScopes": ["voip"]})).await?;
        let token = created.access_token.ok_or_else(|| failed(step, "the response has no accessToken"))?;
        self.print(format_args!("Created an identity with an access token in one call: {}\n", created.identity.id));
        self.print_token("Issued with it an access token with 'voip' scope that expires at", &token);
        self.delete("delete the second identity", &created.identity.id).await?;
        self.print(format_args!("Deleted the identity with ID: {}\n", created.identity.id));

        let Some(TeamsTokenRequest { token, app_id, user_id }) = teams else {
            self.print(format_args!("Skipped the exchange of a Teams user's token: no --teams-token was given\n"));
            return Ok(());
        };
        let request = json!({"token": token.expose_secret(), "appId": app_id, "userId": user_id});
        let token = self.call("exchange a Teams user's token", Method::POST, "teams/tokens", Some(request)).await?;
        let token = read("exchange a Teams user's token", &token)?;
        self.print_token("Exchanged a Teams user's Entra token for an access token that expires at", &token);
        Ok(())
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

    async fn create(&mut self, step: &'static str, request: Value) -> Result<Created> {
        let created: Created = read(step, &self.call(step, Method::POST, "identities", Some(request)).await?)?;
        self.created.push(created.identity.id.clone());
        Ok(created)
    }

    async fn issue(&self, step: &'static str, id: &str, request: Value) -> Result<Token> {
        read(step, &self.call(step, Method::POST, &format!("identities/{id}/tokens"), Some(request)).await?)
    }

    async fn delete(&mut self, step: &'static str, id: &str) -> Result<()> {
        self.call(step, Method::DELETE, &format!("identities/{id}"), None).await?;
        self.created.retain(|created| created != id);
        Ok(())
    }

    /// Calls a function, and returns the body of a successful response.
    async fn call(&self, step: &'static str, method: Method, path: &str, body: Option<Value>) -> Result<Vec<u8>> {
        let mut request = self.http.request(method, format!("{}api/{path}", self.base));
        if let Some(key) = &self.function_key {
            request = request.header(KEY_HEADER, key.expose_secret());
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let response = request.send().await.map_err(|error| failed(step, causes(&error.without_url())))?;
        let status = response.status();
        let body = response.bytes().await.map_err(|error| failed(step, causes(&error.without_url())))?;
        if status.is_success() {
            return Ok(body.into());
        }
        let detail = serde_json::from_slice(&body).map_or_else(
            |_| status.to_string(),
            |Problem { title, detail }| format!("{} {title}: {detail}", status.as_u16()),
        );
        Err(failed(step, detail))
    }

    fn print_token(&mut self, what: &str, token: &Token) {
        self.print(format_args!("{what} {}:\n{}\n", token.expires_on, token.token));
    }

    fn print(&mut self, text: fmt::Arguments<'_>) {
        // Ignores a closed pipe: the steps go on, so that the identities are deleted.
        let _ = writeln!(self.out, "{text}");
    }
}

/// Returns an Entra token of a test user, which the emulator's control API issues.
#[cfg(feature = "emulator")]
pub(super) async fn entra_token(
    emulator: std::net::SocketAddr,
    app_id: uuid::Uuid,
    user_id: uuid::Uuid,
) -> Result<SecretString> {
    let step = "get a test user's Entra token from the emulator";
    let http = reqwest::Client::builder()
        .timeout(Duration::from_secs(10))
        .no_proxy()
        .build()
        .map_err(|error| failed(step, causes(&error)))?;
    let request = http
        .post(format!("http://{emulator}/_emulator/entra/tokens"))
        .header("content-type", "application/json")
        .body(json!({"appId": app_id, "userId": user_id}).to_string());
    let response = request.send().await.map_err(|error| failed(step, causes(&error)))?;
    let body = response.bytes().await.map_err(|error| failed(step, causes(&error)))?;
    read::<Token>(step, &body).map(|token| token.token.into())
}

fn read<T: for<'de> Deserialize<'de>>(step: &'static str, body: &[u8]) -> Result<T> {
    serde_json::from_slice(body).map_err(|_| failed(step, "the response is not the expected JSON"))
}

fn failed(step: &'static str, cause: impl fmt::Display) -> String {
    format!("the step '{step}' failed: {cause}")
}
