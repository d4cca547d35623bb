//! The operations of the document: for each function its body, its answers and its problems.

use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::{
    Components,
    answers::{empty, json, with_header},
};
use crate::{
    extract::FromFields,
    functions::{
        AuthLevel, block_user,
        create_guest_pass::{self, WirePass},
        create_identity::{self, Created},
        exchange_teams_phone_token, exchange_teams_token, guest_token, issue_token, my_teams_token, my_token,
        openapi::schemas::{IdentityId, PassId},
        token::WireToken,
    },
    problem::Kind,
};

/// The description of a function, beside the table of functions.
#[derive(Default)]
pub(super) struct Parts {
    pub(super) description: &'static str,
    pub(super) parameters: Vec<Value>,
    pub(super) body: Option<Value>,
    /// The successful responses by status.
    pub(super) answers: Map<String, Value>,
    kinds: Vec<Kind>,
}

/// Problems of every request. The second is one of AWS Lambda.
const ANY: [Kind; 3] = [Kind::InvalidUrl, Kind::InvalidEvent, Kind::Internal];
/// Problems of authentication and of rate limits: those of all callers, of back ends and users, and of guests.
const CALLERS: [Kind; 3] = [Kind::AmbiguousAuthorization, Kind::Unauthorized, Kind::RateLimited];
const TOKENS: [Kind; 2] = [Kind::Forbidden, Kind::IssuerUnreachable];
const GUESTS: [Kind; 4] = [Kind::PassInvalid, Kind::PassExpired, Kind::PassUsedUp, Kind::PassEnded];
/// Problems of bodies.
const BODY: [Kind; 5] =
    [Kind::MalformedJson, Kind::InvalidFields, Kind::BodyTimeout, Kind::BodyTooLarge, Kind::UnsupportedMediaType];
/// Problems of calls to ACS.
const ACS: [Kind; 7] = [
    Kind::RefusedByAcs,
    Kind::Throttled,
    Kind::Misconfigured,
    Kind::UpstreamFailed,
    Kind::UpstreamUnreachable,
    Kind::CredentialUnavailable,
    Kind::UpstreamTimeout,
];
const DIRECTORY: [Kind; 2] = [Kind::TurnedOff, Kind::DirectoryUnavailable];
const TEAMS_PHONE: [Kind; 5] = [
    Kind::TeamsTokenRefused,
    Kind::NotAssigned,
    Kind::LicenseMissing,
    Kind::ServicePrincipalMissing,
    Kind::FeatureNotAllowed,
];

impl Parts {
    /// Returns all kinds of problems of a function with this level.
    pub(super) fn kinds(&self, level: AuthLevel) -> Vec<Kind> {
        let callers = match level {
            AuthLevel::Anonymous => Vec::new(),
            AuthLevel::Function | AuthLevel::Bearer => [&CALLERS[..], &TOKENS].concat(),
            AuthLevel::Pass => [&CALLERS[..], &GUESTS].concat(),
        };
        [&self.kinds[..], &ANY, &callers].concat()
    }

    fn problems(mut self, kinds: &[Kind]) -> Self {
        self.kinds.extend(kinds);
        self
    }

    fn described(self, description: &'static str) -> Self {
        Self { description, ..self }
    }

    fn answer(mut self, status: u16, response: Value) -> Self {
        self.answers.insert(status.to_string(), response);
        self
    }

    /// Adds the body. Unknown fields are errors, as [`crate::extract::fields::Fields::finish`] has it.
    fn body<T: FromFields + ToSchema>(mut self, components: &mut Components) -> Self {
        let schema = components.schema::<T>();
        let component = components.schemas.get_mut(&*T::name()).unwrap();
        match component.get_mut("oneOf").and_then(Value::as_array_mut) {
            Some(items) => items.iter_mut().for_each(|item| item["additionalProperties"] = false.into()),
            None => component["additionalProperties"] = false.into(),
        }
        self.body =
            Some(json!({ "required": !T::BODY_OPTIONAL, "content": { "application/json": { "schema": schema } } }));
        self.kinds.extend((!T::BODY_OPTIONAL).then_some(Kind::EmptyBody));
        self.problems(&BODY)
    }

    /// Adds the identity in the path.
    fn identity(self, components: &mut Components) -> Self {
        let problems = [Kind::InvalidIdentityId, Kind::IdentityNotFound];
        self.parameter("id", &components.schema::<IdentityId>()).problems(&problems)
    }

    /// Adds a parameter of the path.
    fn parameter(mut self, name: &str, schema: &Value) -> Self {
        self.parameters.push(json!({ "name": name, "in": "path", "required": true, "schema": schema }));
        self
    }

    /// Adds the answer with a token.
    fn token(self, components: &mut Components) -> Self {
        let mut response =
            json("The token. For `Accept: text/plain`, the bare token.", &components.schema::<WireToken>());
        response["content"]["text/plain"] = json!({ "schema": { "type": "string" } });
        self.answer(200, response)
    }

    fn no_content(self) -> Self {
        self.answer(204, empty("It was done."))
    }
}

/// Returns the parts of a function.
pub(super) fn parts(name: &str, components: &mut Components) -> Parts {
    let parts = Parts::default();
    match name {
        "create-identity" => create_identity(components),
        "issue-token" => parts
            .described("To refresh a token, issue another.")
            .identity(components)
            .body::<issue_token::Request>(components)
            .token(components)
            .problems(&[&ACS[..], &[Kind::BeyondPolicy]].concat()),
        "revoke-tokens" => parts
            .described("Tokens that were issued before are rejected by ACS. New ones can be issued.")
            .identity(components)
            .no_content()
            .problems(&ACS),
        "delete-identity" => {
            parts.described("The identity cannot be restored.").identity(components).no_content().problems(&ACS)
        }
        "exchange-teams-token" => parts
            .described("Gives an access token of ACS with which the Teams user makes calls.")
            .body::<exchange_teams_token::Request>(components)
            .token(components)
            .problems(&[&ACS[..], &[Kind::TeamsTokenRefused]].concat()),
        "exchange-teams-phone-token" => {
            let response = json("The user's identity and its token.", &components.schema::<Created>());
            parts
                .described("Gives an identity and an access token of Teams Phone.")
                .body::<exchange_teams_phone_token::Request>(components)
                .answer(200, response)
                .problems(&[&ACS[..], &TEAMS_PHONE].concat())
        }
        "block-user" => parts
            .described("Names the user by tenantId and objectId, or by issuer and subject.")
            .body::<block_user::Request>(components)
            .no_content()
            .problems(&[&ACS[..], &DIRECTORY].concat()),
        "unblock-user" => parts
            .described("Names the user by tenantId and objectId, or by issuer and subject. The tokens stay revoked.")
            .body::<block_user::Request>(components)
            .no_content()
            .problems(&DIRECTORY),
        _ if name.contains("guest") => of_guests(name, components),
        _ => of_users(name, components),
    }
}

/// Returns the parts of a function for guests and their passes.
fn of_guests(name: &str, components: &mut Components) -> Parts {
    let parts = Parts::default();
    let directory = [&ACS[..], &DIRECTORY].concat();
    match name {
        "create-guest-pass" => {
            let mut response = json("The pass.", &components.schema::<WirePass>());
            response["links"]["revoke-guest-pass"] = link("revoke-guest-pass", "passId", "/id");
            parts
                .described("The pass is signed and not stored.")
                .body::<create_guest_pass::Request>(components)
                .answer(201, response)
                .problems(&[Kind::BeyondPolicy, Kind::TurnedOff])
        }
        "guest-token" => parts
            .described("Creates the guest's identity at first use. `guest` is required for a pass with several uses.")
            .body::<guest_token::Request>(components)
            .token(components)
            .problems(&[&directory[..], &[Kind::BeyondPolicy]].concat()),
        "revoke-guest-pass" => parts
            .described("Deletes the identities of the pass with all their tokens.")
            .parameter("passId", &components.schema::<PassId>())
            .no_content()
            .problems(&[&directory[..], &[Kind::InvalidPassId]].concat()),
        _ => panic!("{name} is not described: add it here"),
    }
}

/// Returns a link to a function whose parameter is in the answer.
fn link(function: &str, parameter: &str, pointer: &str) -> Value {
    json!({ "operationId": function, "parameters": { parameter: format!("$response.body#{pointer}") } })
}

/// Returns the parts of a function for users, or for anyone.
fn of_users(name: &str, components: &mut Components) -> Parts {
    let directory = [&ACS[..], &DIRECTORY, &[Kind::Blocked]].concat();
    let parts = Parts::default();
    match name {
        "my-token" => parts
            .described(
                "Creates the user's identity at first use. The answer is what a `tokenRefresher` of the SDKs returns.",
            )
            .body::<my_token::Request>(components)
            .token(components)
            .problems(&[&directory[..], &[Kind::BeyondPolicy]].concat()),
        "revoke-my-tokens" => parts.described("Signs the user out everywhere.").no_content().problems(&directory),
        "delete-me" => parts.described("Deletes the user's record, too.").no_content().problems(&directory),
        "my-teams-token" => parts
            .described("The Entra token must be that of the signed-in user, issued to the same application.")
            .body::<my_teams_token::Request>(components)
            .token(components)
            .problems(&[&ACS[..], &[Kind::Blocked, Kind::DirectoryUnavailable, Kind::TeamsTokenRefused]].concat()),
        "my-teams-phone-token" => parts
            .described("The Entra token must be that of the signed-in user, issued to the same application.")
            .body::<exchange_teams_phone_token::Request>(components)
            .token(components)
            .problems(&[&ACS[..], &TEAMS_PHONE, &[Kind::Blocked, Kind::DirectoryUnavailable]].concat()),
        "health" => health(),
        "openapi" => {
            let document = json("The document.", &json!({ "type": "object" }));
            parts
                .described("Answers 304 if `If-None-Match` has the tag of the document.")
                .answer(200, with_header(document, "ETag"))
                .answer(304, with_header(empty("The caller has the document."), "ETag"))
        }
        "docs" => {
            let mut page = empty("The page.");
            page["content"] = json!({ "text/html": { "schema": { "type": "string" } } });
            parts.described("Under `acs-tokens dev`, the page also has a place to try the functions.").answer(200, page)
        }
        _ => panic!("{name} is not described: add it here"),
    }
}

fn create_identity(components: &mut Components) -> Parts {
    let mut response =
        with_header(json("The identity, and its token if there is one.", &components.schema::<Created>()), "Location");
    for function in ["issue-token", "revoke-tokens", "delete-identity"] {
        response["links"][function] = link(function, "id", "/identity/id");
    }
    let parts = Parts::default()
        .described("If the caller disconnects before the answer, the identity is deleted.")
        .body::<create_identity::Request>(components)
        .answer(201, response)
        .problems(&[&ACS[..], &[Kind::BeyondPolicy]].concat());
    // The lifetime is that of a token.
    components.schemas.get_mut("CreateIdentityRequest").unwrap()["dependentRequired"] =
        json!({ "expiresInMinutes": ["createTokenWithScopes"] });
    parts
}

fn health() -> Parts {
    let schema = json!({
        "type": "object",
        "required": ["status"],
        "properties": { "status": { "type": "string", "enum": ["alive", "ready"] } },
    });
    let ready = json!({
        "name": "ready", "in": "query", "allowEmptyValue": true, "schema": { "type": "string" },
        "description": "Also asks whether ACS accepts the credential and the user directory can be read. The value has no meaning.",
    });
    let parts = Parts { parameters: vec![ready], ..Parts::default() };
    parts
        .described("Calls nothing without `ready`.")
        .answer(200, json("The process is alive, or ready.", &schema))
        .problems(&[Kind::NotReady, Kind::UpstreamTimeout])
}
