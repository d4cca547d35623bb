//! `POST identities`: a new identity, and with `createTokenWithScopes` its first token.

mod delete_on_drop;

use acs_identity::{
    IdentityClient,
    types::{Scope, TokenLifetime},
};
use axum::{
    Extension,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{
    StatusCode,
    header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, LOCATION},
};
use serde::Serialize;

use delete_on_drop::DeleteOnDrop;

use super::{
    PREFIX,
    token::{self, WireToken},
};
use crate::{
    access::policy::EffectivePolicy,
    auth::audit::Auditor,
    extract::{FromFields, Json, fields::Fields},
    problem::Problem,
};

/// `{"createTokenWithScopes": ["voip"], "expiresInMinutes": 60}`, each field optional.
#[derive(Debug)]
pub struct Request {
    scopes: Option<Vec<Scope>>,
    lifetime: Option<TokenLifetime>,
}

impl FromFields for Request {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let scopes = fields.optional("createTokenWithScopes", token::scopes);
        let lifetime = token::expires_in_minutes(fields);
        if scopes.is_none() && lifetime.is_some() {
            let detail = "A lifetime needs a token; give createTokenWithScopes as well.";
            fields.fault("/expiresInMinutes".to_owned(), detail.to_owned());
        }
        Some(Self { scopes, lifetime })
    }
}

/// An identity on the wire.
#[derive(Serialize)]
struct WireIdentity<'a> {
    id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Created<'a> {
    identity: WireIdentity<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token: Option<WireToken<'a>>,
}

/// Makes the identity: 201 with `Location`.
///
/// # Errors
/// See [`Problem`].
pub async fn handle(
    State(acs): State<IdentityClient>,
    Extension(allowance): Extension<EffectivePolicy>,
    auditor: Auditor,
    Json(request): Json<Request>,
) -> Result<Response, Problem> {
    let created = create(acs, &allowance, auditor, request).await;
    // ACS says Scopes of what it takes as createTokenWithScopes, and so does the policy.
    let created = created.map_err(|problem| problem.with_renamed_field("/scopes", "/createTokenWithScopes"))?;
    let id = created.id();
    let location = format!("/{PREFIX}/identities/{id}");
    let body = token::to_json(&Created {
        identity: WireIdentity { id: id.as_str() },
        access_token: created.token().map(WireToken::from),
    });
    // The body that waits to be claimed does not tell how long it is.
    let length = body.len().to_string();
    let headers = [
        (CONTENT_LENGTH, &*length),
        (LOCATION, &*location),
        (CONTENT_TYPE, "application/json"),
        (CACHE_CONTROL, "no-store"),
    ];
    Ok((StatusCode::CREATED, headers, created.into_body(body)).into_response())
}

/// Who names no scopes asks for no token: the identity alone.
async fn create(
    acs: IdentityClient,
    allowance: &EffectivePolicy,
    auditor: Auditor,
    Request { scopes, lifetime }: Request,
) -> Result<DeleteOnDrop, Problem> {
    let mut record = auditor.record("create-identity");
    record.asked(scopes.as_deref(), lifetime);
    let token = match scopes {
        Some(scopes) => Some(token::allowed(allowance, Some(&scopes), lifetime, &mut record)?),
        None => None,
    };
    DeleteOnDrop::create(acs, token, auditor, record).await
}
