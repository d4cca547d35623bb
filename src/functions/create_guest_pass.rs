//! `POST guests`: creates a pass for an invitation link. It is signed and not stored.

use acs_identity::types::{Scope, TokenLifetime, format_timestamp};
use axum::{
    Extension,
    response::{IntoResponse as _, Response},
};
use http::{StatusCode, header::CONTENT_TYPE};
use jiff::Timestamp;
use serde::Serialize;

use super::token;
use crate::{
    access::policy::{EffectivePolicy, MAX_PASS_MINUTES, MAX_USES, MIN_PASS_MINUTES, PassTerms},
    directory::Directory,
    extract::{FromFields, Json, fields::Fields},
    guest_pass::PassClaims,
    problem::Problem,
};

/// `{"scopes": ["voip.join"], "expiresInMinutes": 60, "passExpiresInMinutes": 1440, "uses": 1}`. Each field is optional,
/// and so is the body.
#[derive(Debug)]
pub struct Request {
    scopes: Option<Vec<Scope>>,
    lifetime: Option<TokenLifetime>,
    pass_minutes: Option<u32>,
    uses: Option<u16>,
}

impl FromFields for Request {
    const BODY_OPTIONAL: bool = true;

    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let scopes = fields.optional("scopes", token::scopes);
        let lifetime = fields.optional("expiresInMinutes", |errors, value| token::lifetime(errors, value, "60"));
        let pass_minutes = fields.optional("passExpiresInMinutes", |errors, value| {
            let minutes = value.as_u64().and_then(|minutes| u32::try_from(minutes).ok());
            let minutes = minutes.filter(|minutes| (MIN_PASS_MINUTES..=MAX_PASS_MINUTES).contains(minutes));
            if minutes.is_none() {
                errors.add(format!("Must be a whole number of minutes from {MIN_PASS_MINUTES} to {MAX_PASS_MINUTES}."));
            }
            minutes
        });
        let uses = fields.optional("uses", |errors, value| {
            let uses = value.as_u64().and_then(|uses| u16::try_from(uses).ok());
            let uses = uses.filter(|uses| (1..=MAX_USES).contains(uses));
            if uses.is_none() {
                errors.add(format!("Must be a whole number from 1 to {MAX_USES}."));
            }
            uses
        });
        Some(Self { scopes, lifetime, pass_minutes, uses })
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WirePass {
    id: String,
    pass: String,
    /// ISO 8601 with offset.
    expires_on: String,
}

/// Creates the pass. Answers 201.
///
/// # Errors
/// See [`Problem`].
pub async fn handle(
    directory: Directory,
    Extension(policy): Extension<EffectivePolicy>,
    Json(Request { scopes, lifetime, pass_minutes, uses }): Json<Request>,
) -> Result<Response, Problem> {
    let terms = policy.guests().allow(scopes, lifetime, pass_minutes, uses)?;
    // A back end with a limit cannot get more by means of a pass.
    token::authorize(&policy, Some(&terms.scopes), Some(terms.lifetime))?;
    let pass = directory.pass_keys().issue(claims(terms, Timestamp::now()));
    let pass = pass.ok_or_else(|| Problem::internal("the system provides no random bytes"))?;
    let body = token::to_json(&WirePass {
        id: pass.id().to_string(),
        pass: pass.expose(),
        expires_on: format_timestamp(pass.claims().expires),
    });
    Ok((StatusCode::CREATED, [(CONTENT_TYPE, "application/json")], body).into_response())
}

/// Returns the claims of a pass that is valid from now on, until a whole minute.
fn claims(PassTerms { scopes, lifetime, pass_minutes, uses }: PassTerms, now: Timestamp) -> PassClaims {
    // In the year 9999, the last one of a timestamp, no pass is valid.
    let minute = (now.as_second() / 60 + 1 + i64::from(pass_minutes)) * 60;
    PassClaims { scopes, lifetime, uses, expires: Timestamp::from_second(minute).unwrap_or(now) }
}
