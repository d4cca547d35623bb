//! `POST users/block`: blocks a signed-in user and revokes all tokens of the user's identity.

use http::StatusCode;
use serde_json::Value;
use uuid::Uuid;

use super::exchange_teams_token::guid;
use crate::{
    auth::{Bearer, Subject, bearer::Issuer},
    directory::{Directory, UserId},
    extract::{
        FromFields, Json,
        fields::{ErrorsOfField, Fields},
    },
    problem::Problem,
};

const TENANT: &str = "the tenant id of an Entra user (claim tid), a GUID. For other users, send issuer and subject";
const OBJECT: &str = "the user's object id in that tenant (claim oid), a GUID";
const ISSUER: &str = "the issuer of the user's token, exactly as in its claim iss, a string";
const SUBJECT: &str = "the user's subject at that issuer, exactly as in claim sub, a string";
const ONE_PAIR: &str = "Send tenantId and objectId for an Entra user, or issuer and subject for another one, not both.";
const UNKNOWN_ISSUER: &str = "This service does not trust the issuer, so no user has it. Compare it with claim iss of a token: a slash at the end \
     matters.";
const ENTRA_ISSUER: &str = "The issuer is one of Entra. Send tenantId and objectId instead.";
const UNKNOWN_TENANT: &str =
    "This service trusts no issuer of the tenant, so no user has it. Compare it with claim tid of a token.";

/// `{"tenantId": "<guid>", "objectId": "<guid>"}` for a user of Microsoft Entra, or `{"issuer": "https://…", "subject":
/// "…"}` for a user of another issuer.
#[derive(Debug)]
#[cfg_attr(test, derive(utoipa::ToSchema), schema(as = UserRequest), serde(untagged))]
pub enum Request {
    /// A user of Microsoft Entra.
    #[cfg_attr(test, schema(rename_all = "camelCase"))]
    Entra {
        /// The tenant id, which is the claim `tid` of the user's tokens.
        #[cfg_attr(test, schema(value_type = super::openapi::schemas::Guid))]
        tenant_id: Uuid,
        /// The object id in that tenant, which is the claim `oid`.
        #[cfg_attr(test, schema(value_type = super::openapi::schemas::Guid))]
        object_id: Uuid,
    },
    /// A user of another issuer.
    Other {
        /// The claim `iss` of the user's tokens.
        #[cfg_attr(test, schema(min_length = 1))]
        issuer: String,
        /// The claim `sub` of the user's tokens.
        #[cfg_attr(test, schema(min_length = 1))]
        subject: String,
    },
}

impl Request {
    /// Returns the key of the user's record.
    pub(super) fn user(&self) -> UserId {
        let subject = match self {
            Self::Entra { tenant_id, object_id } => Subject::entra(&tenant_id.to_string(), &object_id.to_string()),
            Self::Other { issuer, subject } => Subject::oidc(issuer, subject),
        };
        UserId::from(*subject.hash())
    }
}

impl FromFields for Request {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let names_entra_user = fields.contains("tenantId") || fields.contains("objectId");
        let names_other_user = fields.contains("issuer") || fields.contains("subject");
        if names_other_user {
            if names_entra_user {
                fields.error("/issuer".to_owned(), ONE_PAIR.to_owned());
                // Known fields, of which the error above says enough.
                let _ = (fields.optional("tenantId", guid), fields.optional("objectId", guid));
            }
            let issuer = fields.required("issuer", ISSUER, text(ISSUER));
            check(fields, "/issuer", |bearer| issuer_error(bearer, issuer.as_deref()?));
            let subject = fields.required("subject", SUBJECT, text(SUBJECT));
            Some(Self::Other { issuer: issuer?, subject: subject? })
        } else {
            let tenant = fields.required("tenantId", TENANT, guid);
            check(fields, "/tenantId", |bearer| tenant_error(bearer, tenant?));
            let object = fields.required("objectId", OBJECT, guid);
            Some(Self::Entra { tenant_id: tenant?, object_id: object? })
        }
    }
}

/// Adds an error if no token of a trusted issuer can name the user. The record would be that of nobody.
fn check(fields: &mut Fields, pointer: &str, error: impl FnOnce(&Bearer) -> Option<&'static str>) {
    if let Some(detail) = fields.context().get().and_then(error) {
        fields.error(pointer.to_owned(), detail.to_owned());
    }
}

fn issuer_error(bearer: &Bearer, name: &str) -> Option<&'static str> {
    match bearer.issuers().find(|issuer| issuer.name() == name) {
        None => Some(UNKNOWN_ISSUER),
        Some(issuer) => issuer.tenant().map(|_| ENTRA_ISSUER),
    }
}

fn tenant_error(bearer: &Bearer, tenant: Uuid) -> Option<&'static str> {
    let tenant = tenant.to_string();
    let mut tenants = bearer.issuers().filter_map(Issuer::tenant);
    (!tenants.any(|trusted| trusted.eq_ignore_ascii_case(&tenant))).then_some(UNKNOWN_TENANT)
}

/// Returns a parser of a text that is not empty.
fn text(expected: &'static str) -> impl FnOnce(&mut ErrorsOfField<'_>, &Value) -> Option<String> {
    move |errors, value| {
        let text = value.as_str().filter(|text| !text.is_empty());
        if text.is_none() {
            errors.add(format!("Must be {expected}."));
        }
        text.map(str::to_owned)
    }
}

/// Blocks the user. Answers 204, also if the user was blocked before or has no identity.
///
/// # Errors
/// See [`Problem`].
pub async fn handle(directory: Directory, Json(request): Json<Request>) -> Result<StatusCode, Problem> {
    directory.block_user(request.user()).await?;
    Ok(StatusCode::NO_CONTENT)
}
