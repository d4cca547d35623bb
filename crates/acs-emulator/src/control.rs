//! The control: what tests need and the protocol lacks, under `/_emulator/`, for this machine only.
//!
//! docs/emulator.md describes every request and answer.

mod issuer;
mod page;

use std::sync::Arc;

use http::{HeaderMap, Method, Response, StatusCode, header, request::Parts};
use hyper::body::{Bytes, Incoming};
use jiff::Timestamp;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    LOG, Service,
    answer::{Body, to_bytes},
    api_error::ApiError,
    authentication::host_without_port,
    call,
    connection::Peer,
    faults::{Fault, Order},
    jwt::Issuer,
    keeper::NotKept,
    managed_identity,
    state::{Settings, State, TokenStatus},
    teams,
};

/// An error of the control API: a status, and a sentence for the caller.
struct Closed(StatusCode, String);

type Opened = Result<Option<Value>, Closed>;

/// What the token check looks at.
#[derive(Deserialize)]
struct TokenClaims {
    skypeid: String,
    exp: i64,
    iat: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenToCheck {
    token: String,
}

/// Whether a path leads to the control API.
pub(super) fn is_at(path: &str) -> bool {
    path == "/_emulator" || path.starts_with("/_emulator/")
}

/// Answers a request to the control API.
pub(super) async fn answer(service: &Service, peer: &Peer, parts: &Parts, body: Incoming) -> Response<Body> {
    let opened = match admit(peer, &parts.headers) {
        Ok(()) if parts.method == Method::GET && is_page(parts.uri.path()) => return page::answer(service),
        Ok(()) => match call::read(body).await {
            Ok(body) => open(service, parts, &body).await,
            Err(_) => Err(Closed(StatusCode::BAD_REQUEST, "the body is too large or broke off".to_owned())),
        },
        Err(closed) => Err(closed),
    };
    let (status, value) = match opened {
        Ok(Some(value)) => (StatusCode::OK, Some(value)),
        Ok(None) => (StatusCode::NO_CONTENT, None),
        Err(Closed(status, error)) => {
            let path = parts.uri.path();
            tracing::warn!(target: LOG, path, status = status.as_u16(), "the control stays shut: {error}");
            let in_app_service_form = path == "/_emulator/msi/token";
            let error = if in_app_service_form {
                json!({ "statusCode": status.as_u16(), "message": error })
            } else {
                json!({ "error": error })
            };
            (status, Some(error))
        }
    };
    let body = value.map_or_else(Bytes::new, |value| to_bytes(&value));
    let mut response = Response::new(Body::new(body, false));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    response.headers_mut().insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    response
}

fn is_page(path: &str) -> bool {
    path == "/_emulator" || path == "/_emulator/"
}

/// Lets in programs on this machine, and the emulator's own page. Another web page open in a browser on it is refused: it
/// sends its own `Origin`, and one that had its own name point to 127.0.0.1 (DNS rebinding) sends that name as `Host`.
fn admit(peer: &Peer, headers: &HeaderMap) -> Result<(), Closed> {
    let forbidden = |why: &str| Err(Closed(StatusCode::FORBIDDEN, why.to_owned()));
    if !peer.address.ip().to_canonical().is_loopback() {
        return forbidden("the control opens to this machine only");
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if !matches!(host_without_port(host), "localhost" | "127.0.0.1" | "[::1]") {
        return forbidden("the Host header must be localhost, 127.0.0.1 or [::1]");
    }
    let own = format!("{}://{host}", if peer.secure { "https" } else { "http" });
    if headers.get_all(header::ORIGIN).iter().any(|origin| origin != own.as_str()) {
        return forbidden("the control does not open to other web pages than its own");
    }
    Ok(())
}

async fn open(service: &Service, parts: &Parts, body: &Bytes) -> Opened {
    let path = parts.uri.path().trim_start_matches("/_emulator").trim_start_matches('/');
    if path == "oidc" || path.starts_with("oidc/") {
        return issuer::open(service, parts, body, path).await;
    }
    let wrong_method = |allowed: &str| {
        let what = if path.is_empty() { "the page" } else { path };
        Err(Closed(StatusCode::METHOD_NOT_ALLOWED, format!("{} is not for {what}; {allowed} is", parts.method)))
    };
    match (path, &parts.method) {
        ("state", &Method::GET) => Ok(Some(show(service))),
        ("reset", &Method::POST) => {
            service.change(|state| {
                *state = State::default();
                Ok(())
            })?;
            service.keeper.kept().await?;
            Ok(None)
        }
        ("faults", &Method::GET) => Ok(Some(json!(service.state().faults.orders()))),
        ("faults", &Method::POST) => order(service, &json_body(parts, body)?),
        ("faults", &Method::DELETE) => {
            service.state().faults.clear();
            Ok(None)
        }
        ("calls", &Method::GET) => Ok(Some(json!(service.state().calls))),
        ("calls", &Method::DELETE) => {
            service.state().calls.clear();
            Ok(None)
        }
        ("settings", &Method::GET) => Ok(Some(json!(service.state().settings))),
        ("settings", &Method::PUT) => {
            let settings: Settings = json_body(parts, body)?;
            service.state().settings = settings;
            Ok(None)
        }
        ("tokens/check", &Method::POST) => check(service, json_body(parts, body)?).await,
        ("entra/tokens", &Method::POST) => {
            let token = teams::entra_token(&service.signer, &json_body(parts, body)?, Timestamp::now()).await?;
            Ok(Some(json!(token)))
        }
        ("msi/token", &Method::GET) => {
            let token = managed_identity::token(service, parts, Timestamp::now()).await;
            token.map(Some).map_err(|(status, message)| Closed(status, message))
        }
        ("keys", &Method::GET) => Ok(Some(json!(service.state().keys.show()))),
        ("keys/regenerate", &Method::POST) => {
            let which = json_body(parts, body)?;
            let keys = service.change(|state| {
                let keys = Arc::make_mut(&mut state.keys);
                keys.regenerate(&which).map(|()| keys.show())
            })?;
            service.keeper.kept().await?;
            Ok(Some(json!(keys)))
        }
        ("jwks.json", &Method::GET) => Ok(Some(service.signer.key_set().await?)),
        ("" | "state" | "msi/token" | "keys" | "jwks.json", _) => wrong_method("GET"),
        ("reset" | "tokens/check" | "entra/tokens" | "keys/regenerate", _) => wrong_method("POST"),
        ("faults", _) => wrong_method("GET, POST or DELETE"),
        ("calls", _) => wrong_method("GET or DELETE"),
        ("settings", _) => wrong_method("GET or PUT"),
        _ => Err(Closed(
            StatusCode::NOT_FOUND,
            "behind the control API are state, reset, faults, calls, settings, tokens/check, entra/tokens, msi/token, keys, \
             keys/regenerate, jwks.json and oidc"
                .to_owned(),
        )),
    }
}

impl From<serde_json::Error> for Closed {
    fn from(error: serde_json::Error) -> Self {
        Self(StatusCode::BAD_REQUEST, error.to_string())
    }
}

impl From<NotKept> for Closed {
    fn from(_: NotKept) -> Self {
        Self(StatusCode::INTERNAL_SERVER_ERROR, "the emulator could not keep it; see its log".to_owned())
    }
}

impl From<ApiError> for Closed {
    fn from(_: ApiError) -> Self {
        Self(StatusCode::INTERNAL_SERVER_ERROR, "the emulator failed; see its log".to_owned())
    }
}

/// The body as JSON. The media type is asked for because a web page cannot send it without asking first.
fn json_body<T: DeserializeOwned>(parts: &Parts, body: &Bytes) -> Result<T, Closed> {
    let content_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = content_type.and_then(|value| value.split(';').next()).unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        let why = "the body must be application/json".to_owned();
        return Err(Closed(StatusCode::UNSUPPORTED_MEDIA_TYPE, why));
    }
    Ok(serde_json::from_slice(body)?)
}

fn show(service: &Service) -> Value {
    let state = service.state();
    json!({
        "resource": service.options.resource,
        "functions": service.options.functions,
        "identities": state.identities(),
        "calls": state.calls,
        "faults": state.faults.orders(),
        "settings": state.settings,
        "managedIdentityTokens": state.managed_identity_tokens,
    })
}

/// Takes one fault or a list of them; of a list with a wrong one, none.
fn order(service: &Service, orders: &Value) -> Opened {
    let fault =
        |order: &Value| Fault::try_from(Order::deserialize(order)?).map_err(|why| Closed(StatusCode::BAD_REQUEST, why));
    let faults = match orders {
        Value::Array(orders) => orders.iter().map(fault).collect::<Result<_, _>>()?,
        one => vec![fault(one)?],
    };
    service.state().faults.add(faults);
    Ok(None)
}

async fn check(service: &Service, TokenToCheck { token }: TokenToCheck) -> Opened {
    let status = match service.signer.verify::<TokenClaims>(Issuer::Acs, &token).await {
        None => TokenStatus::Unknown,
        // A Teams user is no identity of the resource: nothing here can end such a token early.
        Some(claims) if claims.skypeid.starts_with("orgid:") => {
            if claims.exp > Timestamp::now().as_second() {
                TokenStatus::Valid
            } else {
                TokenStatus::Expired
            }
        }
        Some(claims) => {
            let id = format!("8:{}", claims.skypeid);
            service.state().token_status(&id, claims.iat, claims.exp, Timestamp::now())
        }
    };
    Ok(Some(json!({ "status": status })))
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    // No test can rely on a second network interface to knock from.
    #[test]
    fn opens_to_loopback_peers_only() {
        let headers = HeaderMap::from_iter([(header::HOST, header::HeaderValue::from_static("localhost:7072"))]);
        for (address, status) in [
            ("127.0.0.1", None),
            ("127.8.0.1", None),
            ("::1", None),
            ("::ffff:127.0.0.1", None),
            ("192.0.2.1", Some(StatusCode::FORBIDDEN)),
            ("0.0.0.0", Some(StatusCode::FORBIDDEN)),
            ("2001:db8::1", Some(StatusCode::FORBIDDEN)),
            ("::ffff:192.0.2.1", Some(StatusCode::FORBIDDEN)),
        ] {
            let peer = Peer::new((address.parse::<IpAddr>().unwrap(), 50_000).into(), false);
            let admitted = admit(&peer, &headers);
            assert_eq!(admitted.err().map(|closed| closed.0), status, "{address}");
        }
    }
}
