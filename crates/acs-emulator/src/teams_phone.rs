//! Teams Phone: the assignments of users to the resource, and the exchange of their Entra tokens.
//!
//! No recording of ACS has these operations. docs/emulator.md lists the answers that are chosen.

use http::StatusCode;
use jiff::Timestamp;
use serde::Deserialize;
use uuid::Uuid;

use crate::{
    answer::Answer,
    api_error::ApiError,
    assignments::{Assignment, Content, User},
    request::Received,
    service::Service,
    teams::AUDIENCE,
    tokens::{CreateBody, IdentityBody, Issuer},
};

/// The scope of Entra tokens for the exchange.
const SCOPE: &str = "TeamsExtension.ManageCalls";

/// The types of a user, as Microsoft's specification and pages write them, in lower case.
const PRINCIPAL_TYPES: [&str; 3] = ["user", "resourceaccount", "teamsresourceaccount"];

/// The claims of an Entra token that the exchange validates.
#[derive(Deserialize)]
struct Claims {
    aud: String,
    exp: i64,
    scp: String,
    appid: Uuid,
    oid: Uuid,
    tid: Uuid,
}

/// Creates or replaces an assignment.
pub(crate) fn put(service: &Service, user: User, content: Content) -> Result<Answer, ApiError> {
    if !PRINCIPAL_TYPES.contains(&&*content.principal_type.to_ascii_lowercase()) {
        return Err(ApiError::invalid("principalType", "Provided PrincipalType is not supported."));
    }
    let assignment = Assignment { user, content };
    service.change(|state| {
        let all = &mut state.assignments.0;
        let known = all.iter_mut().find(|known| known.user == user);
        let status = if known.is_some() { StatusCode::OK } else { StatusCode::CREATED };
        let answer = Answer::json(status, &assignment);
        match known {
            Some(known) => *known = assignment,
            None => all.push(assignment),
        }
        Ok(answer)
    })
}

/// Returns an assignment.
pub(crate) fn get(service: &Service, user: User) -> Result<Answer, ApiError> {
    let state = service.state();
    let assignment = state.assignments.get(user).ok_or(ApiError::NoAssignment)?;
    Ok(Answer::json(StatusCode::OK, assignment))
}

/// Deletes an assignment, if there is one.
pub(crate) fn delete(service: &Service, user: User) -> Result<Answer, ApiError> {
    service.change(|state| {
        state.assignments.0.retain(|assignment| assignment.user != user);
        Ok(Answer::empty(StatusCode::NO_CONTENT))
    })
}

/// Exchanges the Entra token that authorizes the request. The new token expires in the same second.
pub(crate) async fn exchange(service: &Service, request: &Received) -> Result<Answer, ApiError> {
    let header = request.header("authorization").unwrap_or_default();
    let (scheme, token) = header.split_once(' ').unwrap_or_default();
    if !scheme.eq_ignore_ascii_case("Bearer") {
        return Err(ApiError::InvalidAccessToken);
    }
    let claims: Claims = service.signer.verify(Issuer::Entra, token).await.ok_or(ApiError::InvalidAccessToken)?;
    let Claims { aud, exp, scp, appid, oid, tid } = claims;
    if exp <= request.at.as_second() || aud != AUDIENCE || !scp.split(' ').any(|scope| scope == SCOPE) {
        return Err(ApiError::InvalidAccessToken);
    }
    if service.state().settings.service_principal_missing {
        return Err(ApiError::NoServicePrincipal(tid));
    }
    let clients = |assignment: &Assignment| assignment.content.client_ids.clone().unwrap_or_default();
    let clients = service.state().assignments.get(User { object_id: oid, tenant_id: tid }).map(clients);
    if !clients.is_some_and(|clients| clients.contains(&appid)) {
        return Err(ApiError::NotAssigned);
    }
    let (now, resource) = (request.at, service.options.resource);
    let expires_on = Timestamp::new(exp, now.subsec_nanosecond()).map_err(|_| ApiError::InvalidAccessToken)?;
    let skypeid = format!("acs:{resource}_{tid}_{oid}");
    let mut token = service.signer.acs_token(resource, &skypeid, None, "voip", now, expires_on).await?;
    if service.state().settings.encrypted_tokens {
        token.token = service.signer.encrypt(&token.token).await?;
    }
    let body = CreateBody { identity: IdentityBody { id: format!("8:{skypeid}") }, access_token: Some(token) };
    Ok(Answer::json(StatusCode::OK, &body))
}
