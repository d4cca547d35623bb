//! The operations of the REST API.

use http::StatusCode;
use jiff::SignedDuration;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::{
    answer::Answer,
    api_error::ApiError,
    assignments::User,
    operation::{Operation, Route, Version},
    request::Received,
    service::Service,
    teams, teams_phone,
    tokens::{CreateBody, IdentityBody, TokenBody},
};
use acs_identity::types::Scope;

/// An authenticated request.
struct Call<'a> {
    service: &'a Service,
    request: &'a Received,
    version: Version,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct CreateRequest {
    create_token_with_scopes: Option<Vec<String>>,
    expires_in_minutes: Option<i32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TokenRequest {
    scopes: Option<Vec<String>>,
    expires_in_minutes: Option<i32>,
}

/// Carries out an operation for an authenticated request.
pub(crate) async fn perform(service: &Service, route: &Route, request: &Received) -> Result<Answer, ApiError> {
    let version = Version::of(request, route.operation)?;
    let (call, resource, id) = (Call { service, request, version }, service.options.resource, &*route.identity);
    match route.operation {
        Operation::CreateIdentity => call.create().await,
        Operation::DeleteIdentity => {
            service.change(|state| state.identity(resource, id).map(|identity| identity.delete(request.at)))?;
            Ok(Answer::empty(StatusCode::NO_CONTENT))
        }
        Operation::RevokeTokens => {
            service.change(|state| state.identity(resource, id).map(|identity| identity.revoke(request.at)))?;
            Ok(Answer::empty(StatusCode::NO_CONTENT))
        }
        Operation::IssueToken => call.issue(id).await,
        Operation::ExchangeTeamsToken => {
            let body = if request.body.is_empty() { None } else { Some(call.json()?) };
            let token = teams::exchange(service, body.unwrap_or_default(), request.at).await?;
            Ok(Answer::json(StatusCode::OK, &token))
        }
        Operation::ExchangeTeamsPhoneToken => {
            // The body is an object without fields.
            call.json::<Map<String, Value>>()?;
            teams_phone::exchange(service, request).await
        }
        Operation::PutTeamsPhoneAssignment => teams_phone::put(service, User::parse(&route.tenant, id)?, call.json()?),
        Operation::GetTeamsPhoneAssignment => teams_phone::get(service, User::parse(&route.tenant, id)?),
        Operation::DeleteTeamsPhoneAssignment => teams_phone::delete(service, User::parse(&route.tenant, id)?),
    }
}

impl Call<'_> {
    async fn create(&self) -> Result<Answer, ApiError> {
        // Without scopes, the JavaScript and Python SDKs send an empty body, the .NET SDK `{}`.
        let body: CreateRequest = if self.request.body.is_empty() { CreateRequest::default() } else { self.json()? };
        let lifetime = self.lifetime(body.expires_in_minutes)?;
        let scopes = self.scopes(body.create_token_with_scopes.unwrap_or_default())?;
        let (resource, now) = (self.service.options.resource, self.request.at);
        let id = self.service.change(|state| Ok::<_, ApiError>(state.create(resource, now)))?;
        let access_token = match &*scopes {
            [] => None,
            scopes => Some(self.token(&id, scopes, lifetime).await?),
        };
        Ok(Answer::json(StatusCode::CREATED, &CreateBody { identity: IdentityBody { id }, access_token }))
    }

    async fn issue(&self, id: &str) -> Result<Answer, ApiError> {
        let body: TokenRequest = self.json()?;
        let scopes = body.scopes.ok_or(ApiError::Required("Scopes"))?;
        let lifetime = self.lifetime(body.expires_in_minutes)?;
        if scopes.is_empty() {
            return Err(ApiError::invalid("scopes", "Invalid scopes - Scopes field is required."));
        }
        let scopes = self.scopes(scopes)?;
        Ok(Answer::json(StatusCode::OK, &self.token(id, &scopes, lifetime).await?))
    }

    async fn token(&self, id: &str, scopes: &[Scope], lifetime: SignedDuration) -> Result<TokenBody, ApiError> {
        let (resource, now) = (self.service.options.resource, self.request.at);
        let (issued_at, lifetime) = self.service.change(|state| {
            let lifetime = state.token_lifetime(lifetime);
            state.identity(resource, id).map(|identity| (identity.issue(now), lifetime))
        })?;
        let skypeid = id.strip_prefix("8:").unwrap_or(id);
        let scopes = scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(",");
        self.service.signer.acs_token(resource, skypeid, None, &scopes, issued_at, issued_at + lifetime).await
    }

    /// Parses the body. Like ASP.NET, ignores unknown fields.
    fn json<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        if self.request.body.is_empty() {
            return Err(ApiError::Malformed("it is empty".to_owned()));
        }
        if !self.request.is_json() {
            return Err(ApiError::MediaType);
        }
        serde_json::from_slice(&self.request.body).map_err(|error| ApiError::Malformed(error.to_string()))
    }

    fn lifetime(&self, minutes: Option<i32>) -> Result<SignedDuration, ApiError> {
        let minutes = minutes.filter(|_| self.version.has_lifetimes()).unwrap_or(1440);
        if (60..=1440).contains(&minutes) {
            return Ok(SignedDuration::from_mins(minutes.into()));
        }
        let message =
            format!("ExpiresInMinutes value {minutes} is invalid. Value must be within the [60, 1440] interval.");
        Err(ApiError::invalid("ExpiresInMinutes", message))
    }

    fn scopes(&self, names: Vec<String>) -> Result<Vec<Scope>, ApiError> {
        let scope = |name: String| match name.parse() {
            Ok(scope) if self.version.has_scope(scope) => Ok(scope),
            _ => Err(ApiError::invalid("scopes", format!("Invalid scopes - {name} is not supported."))),
        };
        names.into_iter().map(scope).collect()
    }
}
