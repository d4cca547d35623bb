//! The operations of ACS Identity, each with the JSON it sends and reads.
//!
//! <https://learn.microsoft.com/rest/api/communication/identity/communication-identity>

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use uuid::Uuid;

use super::{
    Client, Error,
    send::Operation,
    types::{AccessToken, IdentityId, TokenRequest},
};

/// An identity just made, and its first token if one was asked for.
#[derive(Debug, Clone)]
pub struct CreatedIdentity {
    /// The identity.
    pub id: IdentityId,
    /// Its first token.
    pub token: Option<AccessToken>,
}

/// A Teams user's Entra token, with what must be true of it.
#[derive(Debug, Clone)]
pub struct TeamsTokenRequest {
    /// The Entra token, with a Teams scope of ACS.
    pub token: SecretString,
    /// The Entra application that it was issued to (`appid`).
    pub app_id: Uuid,
    /// The Teams user's object id in Entra (`oid`).
    pub user_id: Uuid,
}

impl Client {
    /// Makes an identity, and its first token where `token` asks for one.
    ///
    /// # Errors
    /// See [`Error`]. After [`Error::TimedOut`], [`Error::Interrupted`] and [`Error::InvalidResponse`] an identity may
    /// exist whose id nobody knows.
    pub async fn create_identity(&self, token: Option<&TokenRequest>) -> Result<CreatedIdentity, Error> {
        let request = WireCreate {
            create_token_with_scopes: token.map(scope_names),
            expires_in_minutes: token.and_then(minutes),
        };
        let created = self.send(Operation::CreateIdentity, write(&request), |body| {
            let WireCreated { identity, access_token } = read(body)?;
            let fits = token.is_some() == access_token.is_some();
            let id = identity.id.parse().ok().filter(|_| fits)?;
            Some(CreatedIdentity { id, token: access_token.map(AccessToken::from) })
        });
        let created = created.await?;
        self.note_identity(&created.id);
        Ok(created)
    }

    /// Issues a token for an identity. Earlier tokens stay good.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn issue_token(&self, id: &IdentityId, token: &TokenRequest) -> Result<AccessToken, Error> {
        self.note_identity(id);
        let request = WireIssue { scopes: scope_names(token), expires_in_minutes: minutes(token) };
        self.send(Operation::IssueToken(id), write(&request), read_token).await
    }

    /// Revokes all tokens of an identity. ACS says that this can take up to 15 minutes to be known everywhere.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn revoke_tokens(&self, id: &IdentityId) -> Result<(), Error> {
        self.note_identity(id);
        self.send(Operation::RevokeTokens(id), Vec::new(), |_| Some(())).await
    }

    /// Deletes an identity with all its tokens.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn delete_identity(&self, id: &IdentityId) -> Result<(), Error> {
        self.note_identity(id);
        self.send(Operation::DeleteIdentity(id), Vec::new(), |_| Some(())).await
    }

    /// Exchanges a Teams user's Entra token for an ACS token, which ends when the Entra token does.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn exchange_teams_token(&self, request: &TeamsTokenRequest) -> Result<AccessToken, Error> {
        let TeamsTokenRequest { token, app_id, user_id } = request;
        let request = WireExchange { token: token.expose_secret(), app_id: *app_id, user_id: *user_id };
        self.send(Operation::ExchangeTeamsToken, write(&request), read_token).await
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WireCreate {
    #[serde(skip_serializing_if = "Option::is_none")]
    create_token_with_scopes: Option<Vec<&'static str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in_minutes: Option<u16>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WireIssue {
    scopes: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in_minutes: Option<u16>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WireExchange<'a> {
    token: &'a str,
    app_id: Uuid,
    user_id: Uuid,
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
    expires_on: Timestamp,
}

impl From<WireToken> for AccessToken {
    fn from(WireToken { token, expires_on }: WireToken) -> Self {
        Self::new(token, expires_on)
    }
}

fn scope_names(token: &TokenRequest) -> Vec<&'static str> {
    token.scopes().iter().map(|scope| scope.as_str()).collect()
}

fn minutes(token: &TokenRequest) -> Option<u16> {
    token.validity().map(super::types::TokenLifetime::minutes)
}

fn write(request: &impl Serialize) -> Vec<u8> {
    // Strings, numbers and lists of them: serde_json has no way to fail on these.
    serde_json::to_vec(request).unwrap_or_default()
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    serde_json::from_slice(body).ok()
}

fn read_token(body: &[u8]) -> Option<AccessToken> {
    read::<WireToken>(body).map(AccessToken::from)
}
