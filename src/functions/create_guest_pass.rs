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
#[cfg_attr(test, derive(utoipa::ToSchema), schema(as = CreateGuestPassRequest, rename_all = "camelCase"))]
pub struct Request {
    /// The scopes of the guests' tokens. The default is all that the policy allows guests.
    #[cfg_attr(test, schema(value_type = super::openapi::schemas::Scopes, required = false))]
    scopes: Option<Vec<Scope>>,
    /// Minutes until a guest's token expires. The default is 60.
    #[cfg_attr(test, schema(value_type = super::openapi::schemas::Lifetime, required = false))]
    expires_in_minutes: Option<TokenLifetime>,
    /// Minutes until the pass expires, 43200 of them being 30 days. The default is 1440, or the most that the policy
    /// allows.
    #[cfg_attr(test, schema(minimum = 5, maximum = 43200, nullable = false))]
    pass_expires_in_minutes: Option<u32>,
    /// The number of guests. The default is 1.
    #[cfg_attr(test, schema(minimum = 1, maximum = 1000, nullable = false))]
    uses: Option<u16>,
}

impl FromFields for Request {
    const BODY_OPTIONAL: bool = true;

    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let scopes = fields.optional("scopes", token::scopes);
        let expires_in_minutes =
            fields.optional("expiresInMinutes", |errors, value| token::lifetime(errors, value, "60"));
        let pass_expires_in_minutes = fields.optional("passExpiresInMinutes", |errors, value| {
            let minutes = token::whole_number(value).and_then(|minutes| u32::try_from(minutes).ok());
            let minutes = minutes.filter(|minutes| (MIN_PASS_MINUTES..=MAX_PASS_MINUTES).contains(minutes));
            if minutes.is_none() {
                errors.add(format!("Must be a whole number of minutes from {MIN_PASS_MINUTES} to {MAX_PASS_MINUTES}."));
            }
            minutes
        });
        let uses = fields.optional("uses", |errors, value| {
            let uses = token::whole_number(value).and_then(|uses| u16::try_from(uses).ok());
            let uses = uses.filter(|uses| (1..=MAX_USES).contains(uses));
            if uses.is_none() {
                errors.add(format!("Must be a whole number from 1 to {MAX_USES}."));
            }
            uses
        });
        Some(Self { scopes, expires_in_minutes, pass_expires_in_minutes, uses })
    }
}

/// A pass for an invitation link.
#[derive(Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema), schema(as = GuestPass))]
#[serde(rename_all = "camelCase")]
pub(super) struct WirePass {
    /// The id, by which the pass is ended. It gives no access.
    id: String,
    /// The pass, for the fragment of the link. Guests send it as a bearer token.
    pass: String,
    /// The time when the pass expires, in ISO 8601 with offset.
    #[cfg_attr(test, schema(format = "date-time"))]
    expires_on: String,
}

/// Creates the pass. Answers 201.
///
/// # Errors
/// See [`Problem`].
pub async fn handle(
    directory: Directory,
    Extension(policy): Extension<EffectivePolicy>,
    Json(request): Json<Request>,
) -> Result<Response, Problem> {
    let Request { scopes, expires_in_minutes, pass_expires_in_minutes, uses } = request;
    let terms = policy.guests().allow(scopes, expires_in_minutes, pass_expires_in_minutes, uses)?;
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
