//! The issuer of users' tokens: the emulator's test issuer.

use acs_emulator::{Emulator, Options};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::Result;

/// The audience of the tokens.
pub const AUDIENCE: &str = "api://acs-tokens";

/// A running test issuer.
pub struct Issuer {
    /// Its `iss`.
    pub name: String,
    /// The address of its key set.
    pub keys: String,
    http: reqwest::Client,
}

impl Issuer {
    /// Starts the issuer on a free port.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let name = format!("http://{}/_emulator/oidc", listener.local_addr()?);
        tokio::spawn(async move { Emulator::new(Options::default()).serve_http(listener).await });
        Ok(Self { keys: format!("{name}/jwks"), name, http: acs_identity::http::client_builder().build()? })
    }

    /// Returns the token of a user.
    pub async fn token(&self, user: &str) -> Result<String> {
        self.token_by("RS256", user).await
    }

    /// Returns the token of a user, signed with this algorithm.
    pub async fn token_by(&self, algorithm: &str, user: &str) -> Result<String> {
        let body = json!({ "alg": algorithm, "claims": { "aud": AUDIENCE, "sub": user, "roles": ["host"] } });
        let request = self.http.post(format!("{}/tokens", self.name)).header("content-type", "application/json");
        let answer: Value = serde_json::from_slice(&request.body(body.to_string()).send().await?.bytes().await?)?;
        answer["token"].as_str().map(str::to_owned).ok_or_else(|| format!("the issuer answered {answer}").into())
    }
}
