//! Creates an identity, issues an access token for it, and deletes it again.
//!
//! `cargo run --example issue_token -- '<connection string>'`, or set `COMMUNICATION_SERVICES_CONNECTION_STRING`.

use std::error::Error;

use acs_identity::{IdentityClient, Scope, TokenLifetime, TokenRequest};

const SETTING: &str = "COMMUNICATION_SERVICES_CONNECTION_STRING";

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::disallowed_methods, reason = "an example reads its own settings")]
#[expect(clippy::print_stdout, reason = "an example shows its results")]
async fn main() -> Result<(), Box<dyn Error>> {
    let text = std::env::args().nth(1).or_else(|| std::env::var(SETTING).ok());
    let text = text.ok_or_else(|| format!("pass a connection string as the argument, or set {SETTING}"))?;
    let client = IdentityClient::from_connection_string(text.parse()?)?;

    let identity = client.create_identity().await?;
    println!("created {identity}");
    let request = TokenRequest::new(vec![Scope::Chat, Scope::Voip], Some(TokenLifetime::MIN))?;
    let issued = client.issue_token(&identity, &request).await;
    if let Ok(token) = &issued {
        println!("issued an access token, valid until {}", token.expires_on());
    }
    // Also if no token was issued: the identity would remain.
    client.delete_identity(&identity).await?;
    println!("deleted the identity");
    issued?;
    Ok(())
}
