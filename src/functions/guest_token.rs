//! `POST guests/token`: issues a token for a guest with a pass. The guest's identity is created at first use.

use axum::{Extension, extract::FromRequestParts, response::Response};
use http::request::Parts;

use super::{Services, token};
use crate::{
    access::policy::EffectivePolicy,
    auth::Caller,
    directory::Directory,
    extract::{FromFields, Json, TokenFormat, fields::Fields},
    guest_pass::GuestPass,
    problem::{Kind, Problem},
};

const EXPECTED: &str = "16 to 64 of the characters A-Z, a-z, 0-9, - and _, which the browser makes at random and keeps";

/// The pass that the access layer verified, and the user directory.
#[derive(Debug)]
pub struct Guest {
    pass: GuestPass,
    directory: Directory,
}

impl FromRequestParts<Services> for Guest {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, services: &Services) -> Result<Self, Problem> {
        let directory = Directory::from_request_parts(parts, services).await?;
        match parts.extensions.get::<Caller>() {
            Some(Caller::Guest(pass)) => Ok(Self { pass: pass.clone(), directory }),
            _ => Err(Problem::internal("the function's auth level is not AuthLevel::Pass")),
        }
    }
}

/// `{"guest": "<random text>"}`. It is required for a pass with several uses.
#[cfg_attr(test, derive(utoipa::ToSchema), schema(as = GuestTokenRequest))]
pub struct Request {
    /// A random text, which the guest's browser makes and keeps. It tells the guests of a pass apart.
    #[cfg_attr(test, schema(min_length = 16, max_length = 64, pattern = "^[A-Za-z0-9_-]+$", nullable = false))]
    guest: Option<String>,
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Request(…)")
    }
}

impl FromFields for Request {
    /// A `tokenRefresher` sends no body. A pass with several uses needs one.
    const BODY_OPTIONAL: bool = true;

    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let is_shared = matches!(fields.context().get(), Some(Caller::Guest(pass)) if pass.claims().uses > 1);
        if is_shared && !fields.contains("guest") {
            let detail = format!("The field is required, because several guests have this pass: {EXPECTED}.");
            fields.error("/guest".to_owned(), detail);
        }
        let guest = fields.optional("guest", |errors, value| {
            let guest = value.as_str().filter(|text| is_guest(text));
            if guest.is_none() {
                errors.add(format!("Must be {EXPECTED}."));
            }
            guest.map(str::to_owned)
        });
        Some(Self { guest })
    }
}

fn is_guest(text: &str) -> bool {
    let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    (16..=64).contains(&text.len()) && text.bytes().all(is_allowed)
}

/// Issues the token. Answers 200 with JSON that names the guest's identity, or the bare token for `Accept: text/plain`.
///
/// # Errors
/// See [`Problem`].
pub async fn handle(
    Guest { pass, directory }: Guest,
    Extension(policy): Extension<EffectivePolicy>,
    format: TokenFormat,
    Json(Request { guest }): Json<Request>,
) -> Result<Response, Problem> {
    let claims = pass.claims();
    // The operator may have changed the policy since the pass was made.
    let token = token::authorize(&policy, Some(&claims.scopes), Some(claims.lifetime)).map_err(no_longer)?;
    let issued = directory.issue_guest_token(&pass, guest.as_deref(), &token).await?;
    Ok(token::answer(&issued.token, Some(&issued.id), format))
}

/// Returns the problem for a guest, who has chosen neither scopes nor lifetime.
fn no_longer(problem: Problem) -> Problem {
    match problem.kind {
        Kind::BeyondPolicy => {
            let detail = "This service no longer allows what the pass grants. Ask the sender for a new link.";
            Problem::new(Kind::BeyondPolicy, detail)
        }
        _ => problem,
    }
}
