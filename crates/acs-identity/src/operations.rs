//! The operations of the API, each with the JSON that it sends and reads.
//!
//! <https://learn.microsoft.com/rest/api/communication/identity/communication-identity>

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use uuid::Uuid;

use crate::{
    Error, IdentityClient,
    operation::Operation,
    send::Response,
    types::{AccessToken, IdentityId, Scope, TokenLifetime, TokenRequest},
};

/// An identity and its access token.
#[derive(Debug, Clone)]
pub struct CreatedIdentity {
    /// The identity.
    pub id: IdentityId,
    /// The access token.
    pub token: AccessToken,
}

/// A request to exchange the Entra token of a Teams user.
#[derive(Debug, Clone)]
pub struct TeamsTokenRequest {
    /// The Entra token, with a Teams scope of ACS.
    pub token: SecretString,
    /// The id of the Entra application that the token was issued to (`appid`).
    pub app_id: Uuid,
    /// The object id of the Teams user in Entra (`oid`).
    pub user_id: Uuid,
}

impl IdentityClient {
    /// Creates an identity.
    ///
    /// # Errors
    /// See [`Error`]. After [`Error::TimedOut`], [`Error::Interrupted`] and [`Error::InvalidResponse`], an identity with
    /// an unknown id may exist.
    pub async fn create_identity(&self) -> Result<IdentityId, Error> {
        let read = |body: &[u8]| read::<WireCreated>(body)?.identity.id.parse().ok();
        self.send(Operation::CreateIdentity, None, b"{}".to_vec(), read).await
    }

    /// Creates an identity and its first access token.
    ///
    /// # Errors
    /// As [`IdentityClient::create_identity`].
    pub async fn create_identity_with_token(&self, token: &TokenRequest) -> Result<CreatedIdentity, Error> {
        let request = WireCreate { create_token_with_scopes: token.scopes(), expires_in_minutes: token.lifetime() };
        self.send(Operation::CreateIdentity, None, write(&request), read_created).await
    }

    /// Issues an access token for an identity. Earlier tokens stay valid.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn issue_token(&self, id: &IdentityId, token: &TokenRequest) -> Result<AccessToken, Error> {
        let request = WireIssue { scopes: token.scopes(), expires_in_minutes: token.lifetime() };
        self.send(Operation::IssueToken, Some(id), write(&request), read_token).await
    }

    /// Revokes all access tokens of an identity. ACS needs up to 15 minutes until they are refused everywhere.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn revoke_tokens(&self, id: &IdentityId) -> Result<(), Error> {
        self.send(Operation::RevokeTokens, Some(id), Vec::new(), |_| Some(())).await
    }

    /// Deletes an identity and revokes its access tokens.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn delete_identity(&self, id: &IdentityId) -> Result<(), Error> {
        self.send(Operation::DeleteIdentity, Some(id), Vec::new(), |_| Some(())).await
    }

    /// Exchanges the Entra token of a Teams user for an access token, which expires with the Entra token.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn exchange_teams_token(&self, request: &TeamsTokenRequest) -> Result<AccessToken, Error> {
        let TeamsTokenRequest { token, app_id, user_id } = request;
        let request = WireExchange { token: token.expose_secret(), app_id: *app_id, user_id: *user_id };
        self.send(Operation::ExchangeTeamsToken, None, write(&request), read_token).await
    }
}

impl Response for AccessToken {}

impl Response for IdentityId {
    fn identity(&self) -> Option<&IdentityId> {
        Some(self)
    }
}

impl Response for CreatedIdentity {
    fn identity(&self) -> Option<&IdentityId> {
        Some(&self.id)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WireCreate<'a> {
    create_token_with_scopes: &'a [Scope],
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in_minutes: Option<TokenLifetime>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WireIssue<'a> {
    scopes: &'a [Scope],
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in_minutes: Option<TokenLifetime>,
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

impl WireToken {
    /// Returns the token, `None` if it is empty.
    fn check(self) -> Option<AccessToken> {
        let Self { token, expires_on } = self;
        (!token.expose_secret().is_empty()).then(|| AccessToken::new(token, expires_on))
    }
}

pub(crate) fn write(request: &impl Serialize) -> Vec<u8> {
    // Serializing structs of strings, numbers and lists cannot fail.
    serde_json::to_vec(request).unwrap_or_default()
}

pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    serde_json::from_slice(body).ok()
}

pub(crate) fn read_created(body: &[u8]) -> Option<CreatedIdentity> {
    let WireCreated { identity, access_token } = read(body)?;
    Some(CreatedIdentity { id: identity.id.parse().ok()?, token: access_token?.check()? })
}

fn read_token(body: &[u8]) -> Option<AccessToken> {
    read::<WireToken>(body)?.check()
}
