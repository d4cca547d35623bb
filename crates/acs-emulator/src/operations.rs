//! The operations of ACS Identity: what each takes, does and gives.

use http::{HeaderMap, StatusCode};
use hyper::body::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    Service,
    answer::Answer,
    api_error::ApiError,
    jwt::Issuer,
    route::{Operation, Route, Version},
    teams,
};
use acs_identity::types::{Scope, format_timestamp};

/// An authenticated call.
pub(super) struct Call<'a> {
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a Bytes,
    pub(super) version: Version,
    pub(super) at: Timestamp,
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

#[derive(Serialize)]
struct IdentityBody {
    id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TokenBody {
    pub(super) token: String,
    pub(super) expires_on: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CreateBody {
    identity: IdentityBody,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token: Option<TokenBody>,
}

/// The claims of a real token, in their order. `scp` is 1792 in all that were seen.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Claims<'a> {
    skypeid: &'a str,
    scp: u16,
    csi: String,
    exp: i64,
    rgn: &'static str,
    acs_scope: String,
    resource_id: String,
    resource_location: &'static str,
    iat: i64,
}

/// Does what the call asks for. What it changes is kept before it is answered.
pub(super) async fn perform(service: &Service, route: &Route, call: &Call<'_>) -> Result<Answer, ApiError> {
    let answer = match route.operation {
        Operation::CreateIdentity => create(service, call).await,
        Operation::DeleteIdentity => {
            service
                .change(|state| state.living(service.options.resource, &route.identity).map(|it| it.delete(call.at)))?;
            Ok(Answer::no_content())
        }
        Operation::RevokeTokens => {
            service
                .change(|state| state.living(service.options.resource, &route.identity).map(|it| it.revoke(call.at)))?;
            Ok(Answer::no_content())
        }
        Operation::IssueToken => issue(service, &route.identity, call).await,
        Operation::ExchangeTeamsToken => teams::exchange(service, call).await,
    }?;
    if route.operation != Operation::ExchangeTeamsToken {
        service.keeper.kept().await?;
    }
    Ok(answer)
}

async fn create(service: &Service, call: &Call<'_>) -> Result<Answer, ApiError> {
    // The JavaScript and Python SDKs send nothing where no token is wanted, the .NET SDK `{}`.
    let request: CreateRequest = if call.body.is_empty() { CreateRequest::default() } else { call.json()? };
    let lifetime = call.lifetime(request.expires_in_minutes)?;
    let scopes = call.scopes(request.create_token_with_scopes.unwrap_or_default())?;
    let id = service.change(|state| Ok(state.make(service.options.resource, call.at)))?;
    let access_token = match &*scopes {
        [] => None,
        scopes => Some(mint(service, &id, scopes, lifetime, call.at).await?),
    };
    Ok(Answer::json(StatusCode::CREATED, &CreateBody { identity: IdentityBody { id }, access_token }))
}

async fn issue(service: &Service, id: &str, call: &Call<'_>) -> Result<Answer, ApiError> {
    let request: TokenRequest = call.json()?;
    let scopes = request.scopes.ok_or(ApiError::Required("Scopes"))?;
    let lifetime = call.lifetime(request.expires_in_minutes)?;
    if scopes.is_empty() {
        return Err(ApiError::invalid("scopes", "Invalid scopes - Scopes field is required."));
    }
    let scopes = call.scopes(scopes)?;
    Ok(Answer::json(StatusCode::OK, &mint(service, id, &scopes, lifetime, call.at).await?))
}

async fn mint(
    service: &Service,
    id: &str,
    scopes: &[Scope],
    lifetime: SignedDuration,
    now: Timestamp,
) -> Result<TokenBody, ApiError> {
    let issued_at = service.change(|state| state.living(service.options.resource, id).map(|it| it.issue(now)))?;
    let expires_on = issued_at + service.lifetime(lifetime);
    let claims = Claims {
        skypeid: id.strip_prefix("8:").unwrap_or(id),
        scp: 1792,
        csi: issued_at.as_second().to_string(),
        exp: expires_on.as_second(),
        rgn: "amer",
        acs_scope: scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(","),
        resource_id: service.options.resource.to_string(),
        resource_location: "unitedstates",
        iat: issued_at.as_second(),
    };
    Ok(TokenBody { token: service.signer.sign(Issuer::Acs, &claims).await?, expires_on: format_timestamp(expires_on) })
}

impl Service {
    /// The lifetime asked for, or the one that the settings force upon every token.
    fn lifetime(&self, asked: SignedDuration) -> SignedDuration {
        let forced = self.state().settings.token_lifetime_seconds;
        forced.map_or(asked, |seconds| SignedDuration::from_secs(seconds.into()))
    }
}

impl Call<'_> {
    /// The body as JSON. Fields that the version does not know are ignored, as ASP.NET does.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        let content_type = self.headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let essence = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
        if self.body.is_empty() {
            return Err(ApiError::Malformed("it is empty".to_owned()));
        }
        if !essence.eq_ignore_ascii_case("application/json") {
            return Err(ApiError::MediaType);
        }
        serde_json::from_slice(self.body).map_err(|error| ApiError::Malformed(error.to_string()))
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
        let known = |name: String| match name.parse() {
            Ok(scope) if self.version.has_scope(scope) => Ok(scope),
            _ => Err(ApiError::invalid("scopes", format!("Invalid scopes - {name} is not supported."))),
        };
        names.into_iter().map(known).collect()
    }
}
