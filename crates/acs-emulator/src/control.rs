//! The control API below `/_emulator/`, for this machine only: what tests need beyond the REST API.
//!
//! docs/emulator.md describes every request and answer.

mod admission;
mod page;
mod page_origin;
mod sign_in;
mod test_issuer;

use std::sync::Arc;

use http::{HeaderValue, Method, StatusCode, header};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    answer::{Answer, to_bytes},
    api_error::ApiError,
    assignments::{self, Assignment},
    faults::{Fault, FaultSpec},
    managed_identity,
    options::LOG,
    request::Received,
    service::Service,
    state::TokenStatus,
    teams, teams_phone,
    tokens::Issuer,
};

/// The paths, without `/_emulator/`, and their methods.
const PATHS: [(&str, &str); 14] = [
    ("", "GET"),
    ("state", "GET"),
    ("reset", "POST"),
    ("faults", "GET, POST or DELETE"),
    ("calls", "GET or DELETE"),
    ("settings", "GET or PUT"),
    ("tokens/check", "POST"),
    ("entra/tokens", "POST"),
    ("msi/token", "GET"),
    ("assignments", "PUT"),
    ("keys", "GET"),
    ("keys/regenerate", "POST"),
    ("jwks.json", "GET"),
    ("oidc", "see docs/emulator.md"),
];

/// An error of the control API: a status, and a message for the caller.
#[derive(Debug)]
struct ControlError(StatusCode, String);

/// The body of an answer; `None` for 204.
type Outcome = Result<Option<Value>, ControlError>;

impl ControlError {
    fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self(status, message.into())
    }

    /// Returns 404 for an unknown path, and 405 for a known one.
    fn no_route(method: &Method, path: &str, paths: &[(&str, &str)]) -> Self {
        if let Some((_, allowed)) = paths.iter().find(|(known, _)| *known == path) {
            let message = format!("'{path}' does not allow {method}; use {allowed}");
            return Self::new(StatusCode::METHOD_NOT_ALLOWED, message);
        }
        let known: Vec<_> = paths.iter().map(|(path, _)| *path).filter(|path| !path.is_empty()).collect();
        Self::new(StatusCode::NOT_FOUND, format!("unknown path; the paths are {}", known.join(", ")))
    }
}

impl From<serde_json::Error> for ControlError {
    fn from(error: serde_json::Error) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error.to_string())
    }
}

impl From<ApiError> for ControlError {
    fn from(_: ApiError) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "the emulator failed; see its log")
    }
}

/// Returns whether a path belongs to the control API.
pub(crate) fn has_path(path: &str) -> bool {
    path == "/_emulator" || path.starts_with("/_emulator/")
}

/// Answers a request to the control API, and saves its changes.
pub(crate) async fn answer(service: &Service, request: &Received) -> Answer {
    let path = request.path().trim_start_matches("/_emulator").trim_start_matches('/');
    let page = page_origin::of(request, service.options.functions.as_ref());
    let mut answer = own_answer(service, request, path, page).await;
    sign_in::allow_page(service, request, path, &mut answer);
    answer
}

async fn own_answer(service: &Service, request: &Received, path: &str, page: Option<&HeaderValue>) -> Answer {
    let outcome = match admission::check(&service.options, request, path, page) {
        Ok(()) if page.is_some() && request.parts.method == Method::OPTIONS => return page_origin::preflight(page),
        Ok(()) if path.is_empty() && request.parts.method == Method::GET => return page::answer(&service.options),
        Ok(()) => match sign_in::answer(service, request, path).await {
            Some(answer) => return answer,
            None => perform(service, request, path).await,
        },
        Err(error) => Err(error),
    };
    let outcome = service.save().await.map_err(ControlError::from).and(outcome);
    let (status, body) = match outcome {
        Ok(Some(value)) => (StatusCode::OK, to_bytes(&value)),
        Ok(None) => (StatusCode::NO_CONTENT, <_>::default()),
        Err(ControlError(status, message)) => {
            tracing::warn!(target: LOG, path, status = status.as_u16(), "control API: {message}");
            let body = if path == "msi/token" {
                json!({ "statusCode": status.as_u16(), "message": message }) // the form of App Service
            } else {
                json!({ "error": message })
            };
            (status, to_bytes(&body))
        }
    };
    let mut answer = Answer::new(status, "application/json", body);
    answer.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    page_origin::allow(&mut answer, page);
    answer
}

async fn perform(service: &Service, request: &Received, path: &str) -> Outcome {
    if let Some(parts) = test_issuer::split(path) {
        return test_issuer::perform(service, request, parts).await;
    }
    match (path, request.parts.method.as_str()) {
        ("state", "GET") => Ok(Some(state(service))),
        ("reset", "POST") => service.change(|state| {
            state.reset();
            Ok(None)
        }),
        ("faults", "GET") => Ok(Some(json!(service.state().faults.pending()))),
        ("faults", "POST") => add_faults(service, &json_body(request)?),
        ("faults", "DELETE") => {
            service.state().faults.clear();
            Ok(None)
        }
        ("calls", "GET") => Ok(Some(json!(service.state().calls))),
        ("calls", "DELETE") => {
            service.state().calls.clear();
            Ok(None)
        }
        ("settings", "GET") => Ok(Some(json!(service.state().settings))),
        ("settings", "PUT") => {
            let settings = json_body(request)?;
            service.state().settings = settings;
            Ok(None)
        }
        ("tokens/check", "POST") => check_token(service, request).await,
        ("entra/tokens", "POST") => {
            Ok(Some(json!(teams::entra_token(&service.signer, &json_body(request)?, request.at).await?)))
        }
        ("msi/token", "GET") => {
            let token = managed_identity::token(service, request).await;
            token.map(Some).map_err(|(status, message)| ControlError::new(status, message))
        }
        ("assignments", "PUT") => {
            let Assignment { user, content } = json_body(request)?;
            let error = "principalType must be user, resourceAccount or teamsResourceAccount";
            let put = teams_phone::put(service, user, content);
            put.map(|_| None).map_err(|_| ControlError::new(StatusCode::BAD_REQUEST, error))
        }
        ("keys", "GET") => Ok(Some(service.state().access_keys.to_json())),
        ("keys/regenerate", "POST") => {
            let key = json_body(request)?;
            service.change(|state| {
                let keys = Arc::make_mut(&mut state.access_keys);
                keys.regenerate(&key)?;
                Ok(Some(keys.to_json()))
            })
        }
        ("jwks.json", "GET") => Ok(Some(service.signer.key_set().await?)),
        _ => Err(ControlError::no_route(&request.parts.method, path, &PATHS)),
    }
}

/// Parses the body. The media type is required because a web page cannot send it without a CORS preflight.
fn json_body<T: DeserializeOwned>(request: &Received) -> Result<T, ControlError> {
    if !request.is_json() {
        let message = "the Content-Type must be application/json";
        return Err(ControlError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
    }
    Ok(serde_json::from_slice(&request.body)?)
}

fn state(service: &Service) -> Value {
    let state = service.state();
    json!({
        "resource": service.options.resource,
        "functions": service.options.functions,
        "identities": state.identities,
        "assignments": state.assignments,
        "calls": state.calls,
        "faults": state.faults.pending(),
        "settings": state.settings,
        "managedIdentityTokens": state.managed_identity_tokens,
    })
}

/// Adds one fault or a list of faults; none if one of them is invalid.
fn add_faults(service: &Service, specs: &Value) -> Outcome {
    let specs = specs.as_array().map_or(std::slice::from_ref(specs), Vec::as_slice);
    let fault = |spec: &Value| {
        Fault::try_from(FaultSpec::deserialize(spec)?).map_err(|why| ControlError::new(StatusCode::BAD_REQUEST, why))
    };
    let faults = specs.iter().map(fault).collect::<Result<_, _>>()?;
    service.state().faults.add(faults);
    Ok(None)
}

async fn check_token(service: &Service, request: &Received) -> Outcome {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct TokenToCheck {
        token: String,
    }

    #[derive(Deserialize)]
    struct Claims {
        skypeid: String,
        exp: i64,
        iat: i64,
    }

    let TokenToCheck { token } = json_body(request)?;
    let status = match service.signer.verify::<Claims>(Issuer::Acs, &token).await {
        None => TokenStatus::Unknown,
        // A Teams user is not an identity of the resource, so nothing here revokes such a token.
        Some(claims) if claims.skypeid.starts_with("orgid:") => {
            if claims.exp > request.at.as_second() {
                TokenStatus::Valid
            } else {
                TokenStatus::Expired
            }
        }
        // Deleting the assignment revokes the tokens.
        Some(claims) if assignments::is_teams_phone(&claims.skypeid) => {
            if !service.state().assignments.has(&claims.skypeid) {
                TokenStatus::Revoked
            } else if claims.exp > request.at.as_second() {
                TokenStatus::Valid
            } else {
                TokenStatus::Expired
            }
        }
        Some(claims) => {
            service.state().token_status(&format!("8:{}", claims.skypeid), claims.iat, claims.exp, request.at)
        }
    };
    Ok(Some(json!({ "status": status })))
}
