//! `POST identities`: creates an identity, and with `createTokenWithScopes` its first token.

mod delete_on_drop;

use acs_identity::types::{AccessToken, IdentityId, Scope, TokenLifetime};
use axum::{
    Extension,
    extract::{OriginalUri, State},
    response::{IntoResponse, Response},
};
use http::{
    StatusCode, Uri,
    header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION},
};
use serde::Serialize;

use delete_on_drop::DeleteOnDrop;

use super::{
    Services,
    token::{self, WireToken},
};
use crate::{
    access::policy::EffectivePolicy,
    extract::{FromFields, Json, fields::Fields},
    problem::Problem,
};

/// `{"createTokenWithScopes": ["voip"], "expiresInMinutes": 60}`. Each field is optional.
#[derive(Debug)]
#[cfg_attr(test, derive(utoipa::ToSchema), schema(as = CreateIdentityRequest, rename_all = "camelCase"))]
pub struct Request {
    /// The scopes of the identity's first token. Without them, no token is issued.
    #[cfg_attr(test, schema(value_type = super::openapi::schemas::Scopes, required = false))]
    create_token_with_scopes: Option<Vec<Scope>>,
    /// Minutes until the token expires. The default is 1440, or the most that the policy allows. Needs createTokenWithScopes.
    #[cfg_attr(test, schema(value_type = super::openapi::schemas::Lifetime, required = false))]
    expires_in_minutes: Option<TokenLifetime>,
}

impl FromFields for Request {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let create_token_with_scopes = fields.optional("createTokenWithScopes", token::scopes);
        let expires_in_minutes = token::expires_in_minutes(fields);
        if create_token_with_scopes.is_none() && expires_in_minutes.is_some() {
            let detail = "The lifetime is that of a token. Add createTokenWithScopes, or omit expiresInMinutes.";
            fields.error("/expiresInMinutes".to_owned(), detail.to_owned());
        }
        Some(Self { create_token_with_scopes, expires_in_minutes })
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema), schema(as = Identity))]
struct WireIdentity<'a> {
    /// The id of the identity in ACS.
    id: &'a str,
}

/// An identity, and its token if there is one.
#[derive(Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema), schema(as = CreatedIdentity))]
#[serde(rename_all = "camelCase")]
pub(super) struct Created<'a> {
    identity: WireIdentity<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schema(nullable = false))]
    access_token: Option<WireToken<'a>>,
}

impl<'a> Created<'a> {
    pub(super) fn new(id: &'a IdentityId, token: Option<&'a AccessToken>) -> Self {
        Self { identity: WireIdentity { id: id.as_str() }, access_token: token.map(WireToken::from) }
    }
}

/// Creates the identity. Answers 201 with `Location`. If the caller disconnects, the identity is deleted.
///
/// # Errors
/// See [`Problem`].
pub async fn handle(
    State(services): State<Services>,
    OriginalUri(uri): OriginalUri,
    Extension(policy): Extension<EffectivePolicy>,
    Json(request): Json<Request>,
) -> Result<Response, Problem> {
    let created = create(services, &policy, request).await;
    // The policy and ACS have another name for the field.
    let created = created.map_err(|problem| problem.with_renamed_field("/scopes", "/createTokenWithScopes"))?;
    Ok(answer(created, &uri))
}

async fn create(services: Services, policy: &EffectivePolicy, request: Request) -> Result<DeleteOnDrop, Problem> {
    let authorize = |scopes: Vec<Scope>| token::authorize(policy, Some(&scopes), request.expires_in_minutes);
    let token = request.create_token_with_scopes.map(authorize).transpose()?;
    DeleteOnDrop::create(services.acs, services.tasks, token).await
}

fn answer(created: DeleteOnDrop, uri: &Uri) -> Response {
    let id = created.id();
    // A relative reference (RFC 9110 section 10.2.2) holds behind a stage or a proxy that shortens the path.
    let folder = if uri.path().ends_with('/') { "." } else { "identities" };
    let location = format!("{folder}/{id}");
    let body = token::to_json(&Created::new(id, created.token()));
    // The body is a stream, so its length is not known to the server.
    let length = body.len().to_string();
    let headers = [(CONTENT_LENGTH, &*length), (LOCATION, &*location), (CONTENT_TYPE, "application/json")];
    (StatusCode::CREATED, headers, created.into_body(body)).into_response()
}
