//! The control API below `/_emulator/`, for this machine only: what tests need beyond the REST API.
//!
//! docs/emulator.md describes every request and answer.

mod page;
mod page_origin;
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
    request::{Received, host_without_port},
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
    let outcome = match admit(request, page) {
        Ok(()) if page.is_some() && request.parts.method == Method::OPTIONS => return page_origin::preflight(page),
        Ok(()) if path.is_empty() && request.parts.method == Method::GET => return page::answer(&service.options),
        Ok(()) => perform(service, request, path).await,
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

/// Admits programs on this machine and the page of the functions. A browser sends the `Origin` of any other page. A page
/// whose host name resolves to 127.0.0.1 (DNS rebinding) sends that name as `Host`.
fn admit(request: &Received, page: Option<&HeaderValue>) -> Result<(), ControlError> {
    let forbidden = |why| Err(ControlError::new(StatusCode::FORBIDDEN, why));
    if !request.peer.ip().to_canonical().is_loopback() {
        return forbidden("the control API is for this machine only");
    }
    let host = request.header("host").unwrap_or_default();
    if !matches!(host_without_port(host), "localhost" | "127.0.0.1" | "[::1]") {
        return forbidden("the Host header must be localhost, 127.0.0.1 or [::1]");
    }
    let own = request.origin();
    if request.headers().get_all(header::ORIGIN).iter().any(|origin| origin != own.as_str() && Some(origin) != page) {
        return forbidden("the Origin header must be that of the emulator or of the functions");
    }
    Ok(())
}

async fn perform(service: &Service, request: &Received, path: &str) -> Outcome {
    if path == "oidc" || path.starts_with("oidc/") {
        return test_issuer::perform(service, request, path).await;
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

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use http::Request;
    use jiff::Timestamp;

    use super::*;

    // A test cannot rely on a second network interface.
    #[test]
    fn the_control_api_admits_loopback_addresses_only() {
        for (address, admitted) in [
            ("127.0.0.1", true),
            ("127.8.0.1", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("192.0.2.1", false),
            ("0.0.0.0", false),
            ("2001:db8::1", false),
            ("::ffff:192.0.2.1", false),
        ] {
            let (parts, ()) = Request::builder().header("Host", "localhost:7072").body(()).unwrap().into_parts();
            let peer = (address.parse::<IpAddr>().unwrap(), 50_000).into();
            let request = Received { parts, body: <_>::default(), peer, secure: false, at: Timestamp::UNIX_EPOCH };
            assert_eq!(admit(&request, None).is_ok(), admitted, "{address}");
        }
    }
}
