//! The steps of the quickstart, each a call of an HTTP function.

use std::{fmt, io::Write, time::Duration};

use acs_identity::{Endpoint, TeamsTokenRequest, causes};
use http::Method;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::auth::KEY_HEADER;

/// A failure, with the step in it.
pub(super) type Result<T> = std::result::Result<T, String>;

/// A walk through the functions at one address, noting what it made.
pub(super) struct Walk<W> {
    http: reqwest::Client,
    base: String,
    function_key: Option<SecretString>,
    out: W,
    made: Vec<String>,
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

/// What the functions say of a failure (RFC 9457).
#[derive(Deserialize)]
struct Problem {
    title: String,
    detail: String,
}

impl<W: Write> Walk<W> {
    /// A walk through the functions at an address.
    pub(super) fn new(base: &Endpoint, function_key: Option<SecretString>, out: W) -> reqwest::Result<Self> {
        // Longer than the functions' own deadline, so that their answer arrives.
        let mut http = reqwest::Client::builder().timeout(Duration::from_secs(60));
        if base.is_loopback() {
            http = http.no_proxy();
        }
        Ok(Self { http: http.build()?, base: base.to_string(), function_key, out, made: Vec::new() })
    }

    /// Walks all steps, up to the first that fails.
    pub(super) async fn walk(&mut self, full: bool, teams: Option<&TeamsTokenRequest>) -> Result<()> {
        self.print(format_args!("Azure Communication Services - Access Tokens Quickstart\n"));
        let id = self.create("create an identity", json!({})).await?.identity.id;
        self.print(format_args!("Created an identity: {id}\n"));

        let token = self.issue("issue a token", &id, json!({"scopes": ["voip"]})).await?;
        self.print_token("Issued an access token with 'voip' scope that expires at", &token);
        if full {
            self.walk_the_rest(&id, teams).await?;
        }

        self.call("revoke the tokens", Method::DELETE, &format!("identities/{id}/tokens"), None).await?;
        self.print(format_args!("Successfully revoked all access tokens for identity with ID: {id}\n"));

        self.delete("delete the identity", &id).await?;
        self.print(format_args!("Deleted the identity with ID: {id}"));
        Ok(())
    }

    /// What the quickstart has gained since.
    async fn walk_the_rest(&mut self, id: &str, teams: Option<&TeamsTokenRequest>) -> Result<()> {
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
        let token = created.access_token.ok_or_else(|| failed(step, "the answer has no accessToken"))?;
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

    /// Deletes what is left of what was made.
    pub(super) async fn clean_up(&mut self) -> Result<()> {
        let mut result = Ok(());
        for id in self.made.clone() {
            if let Err(error) = self.delete("clean up", &id).await {
                result = Err(format!("{error}\nthe identity {id} is left over; delete it"));
            }
        }
        result
    }

    async fn create(&mut self, step: &'static str, request: Value) -> Result<Created> {
        let created: Created = read(step, &self.call(step, Method::POST, "identities", Some(request)).await?)?;
        self.made.push(created.identity.id.clone());
        Ok(created)
    }

    async fn issue(&self, step: &'static str, id: &str, request: Value) -> Result<Token> {
        read(step, &self.call(step, Method::POST, &format!("identities/{id}/tokens"), Some(request)).await?)
    }

    async fn delete(&mut self, step: &'static str, id: &str) -> Result<()> {
        self.call(step, Method::DELETE, &format!("identities/{id}"), None).await?;
        self.made.retain(|made| made != id);
        Ok(())
    }

    /// One call; the bytes of its success.
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
        let said = serde_json::from_slice(&body).map_or_else(
            |_| status.to_string(),
            |Problem { title, detail }| format!("{} {title}: {detail}", status.as_u16()),
        );
        Err(failed(step, said))
    }

    fn print_token(&mut self, what: &str, token: &Token) {
        self.print(format_args!("{what} {}:\n{}\n", token.expires_on, token.token));
    }

    fn print(&mut self, text: fmt::Arguments<'_>) {
        // Whoever closed stdout wants no more of it; the walk goes on, so that it cleans up.
        let _ = writeln!(self.out, "{text}");
    }
}

/// The Entra token of a test user, from the emulator's door.
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
    serde_json::from_slice(body).map_err(|_| failed(step, "the answer is not the expected JSON"))
}

fn failed(step: &'static str, cause: impl fmt::Display) -> String {
    format!("the step '{step}' failed: {cause}")
}
