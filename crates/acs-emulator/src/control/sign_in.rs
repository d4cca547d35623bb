//! Sign-in at a test issuer: the form, the token endpoint, and what pages of other origins may read.

use std::sync::LazyLock;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::test_issuer::{self, AUTHORIZE, LOGOUT, TOKEN, USER_INFO, with_issuer_keys};
use crate::{
    answer::{Answer, to_bytes},
    api_error::ApiError,
    grants::{Api, Denied},
    request::Received,
    service::Service,
    sign_in::{Authorization, Params, Refusal, after_sign_out},
    state::State,
};

const FORM: &str = include_str!("../sign_in.html");

/// The hash of the form's style, for its Content-Security-Policy.
static STYLE: LazyLock<String> = LazyLock::new(|| {
    let style = FORM.split_once("<style>").and_then(|(_, rest)| rest.split_once("</style>"));
    STANDARD.encode(Sha256::digest(style.map_or("", |(style, _)| style)))
});

/// Answers the requests of OpenID Connect whose answers are not those of the control API. Returns `None` for others.
pub(super) async fn answer(service: &Service, request: &Received, path: &str) -> Option<Answer> {
    let (issuer, document) = test_issuer::split(path)?;
    let issuer_name = test_issuer::issuer(request, issuer);
    let query = || Params::parse(request.parts.uri.query().unwrap_or_default().as_bytes());
    let body = || Params::parse(&request.body);
    let outcome = match (document, request.parts.method.as_str()) {
        (_, "OPTIONS") if test_issuer::is_readable(path) => Ok(Answer::empty(StatusCode::NO_CONTENT)),
        (AUTHORIZE, "GET") => Ok(authorize(service, &issuer_name, request, &query(), None)),
        (AUTHORIZE, "POST") => Ok(authorize(service, &issuer_name, request, &query(), Some(&body()))),
        (TOKEN, "POST") => token(service, issuer_name, request, issuer == "oidc").await,
        (USER_INFO, "GET" | "POST") => Ok(user_info(service, request)),
        (LOGOUT, "GET") => Ok(sign_out(service, &query())),
        (LOGOUT, "POST") => Ok(sign_out(service, &body())),
        _ => return None,
    };
    let mut answer = outcome.unwrap_or_else(Answer::from);
    answer.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Some(answer)
}

/// Adds the headers with which a browser lets a page of an allowed origin read an answer (the protocol CORS).
pub(super) fn allow_page(service: &Service, request: &Received, path: &str, answer: &mut Answer) {
    let Some(origin) = request.headers().get(header::ORIGIN) else { return };
    if !test_issuer::is_readable(path) || !service.options.allows_origin(origin) {
        return;
    }
    answer.headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    answer.headers.insert(header::VARY, HeaderValue::from_static("Origin"));
    if request.parts.method == Method::OPTIONS {
        answer.headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST"));
        if let Some(wanted) = request.headers().get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
            answer.headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
        }
    }
}

/// Shows the form, or signs in the user of the submitted form.
fn authorize(service: &Service, issuer: &str, request: &Received, query: &Params, form: Option<&Params>) -> Answer {
    let authorization = match Authorization::read(query, &service.options.allowed_origins) {
        Ok(authorization) => authorization,
        Err(Refusal::Shown(why)) => return text(StatusCode::BAD_REQUEST, &format!("The sign-in is refused: {why}.\n")),
        Err(Refusal::Sent(location)) => return redirect(&location),
    };
    let Some(form) = form else {
        let name = authorization.login_hint.clone().unwrap_or_default();
        return show(StatusCode::OK, &authorization, &name, "");
    };
    let name = form.get("name");
    match authorization.user(name) {
        Ok(user) => {
            let reply = authorization.reply.clone();
            redirect(&reply.code(&service.state().codes.add(issuer, authorization, user, request.at)))
        }
        Err(error) => show(StatusCode::BAD_REQUEST, &authorization, name.unwrap_or_default(), error),
    }
}

fn show(status: StatusCode, authorization: &Authorization, name: &str, error: &str) -> Answer {
    let origin = authorization.reply.origin();
    let mut page = FORM.to_owned();
    // The error first, because the other values may contain a placeholder.
    for (placeholder, value) in
        [("{error}", error), ("{origin}", &origin), ("{client}", &authorization.client), ("{name}", name)]
    {
        page = page.replacen(placeholder, &escape(value), 1);
    }
    // A browser applies `form-action` to the redirect that answers the form, too.
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; img-src data:; base-uri 'none'; form-action 'self' {origin}; \
         frame-ancestors 'none'",
        *STYLE
    );
    let mut answer = Answer::new(status, "text/html; charset=utf-8", page);
    let policy = HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"));
    answer.headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    // With `no-referrer`, the browser would send the form with `Origin: null`.
    answer.headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    answer.headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}

/// Answers a token request (RFC 6749, section 5). The tokens of the issuer at `oidc` are for the functions of the options.
async fn token(service: &Service, issuer: String, request: &Received, is_first: bool) -> Result<Answer, ApiError> {
    with_issuer_keys(service).await?;
    service.save().await?;
    let functions = service.options.functions.as_ref();
    let api = Api {
        // The functions trust one address of the issuer, and a page may have used another one.
        issuer: functions.filter(|_| is_first).map_or_else(|| issuer.clone(), |functions| functions.issuer.clone()),
        audience: functions.map(|functions| functions.audience.clone()),
    };
    let params = Params::parse(&request.body);
    let exchanged = {
        let State { codes, test_issuer, .. } = &mut *service.state();
        codes.exchange(test_issuer, &issuer, &api, &params, request.at)
    };
    let (status, body) = match exchanged {
        Ok(tokens) => (StatusCode::OK, tokens),
        Err(Denied::Client(error, description)) => {
            (StatusCode::BAD_REQUEST, json!({ "error": error, "error_description": description }))
        }
        Err(Denied::Failed(error)) => return Err(error),
    };
    Ok(Answer::new(status, "application/json", to_bytes(&body)))
}

/// Returns the claims about the user of an access token (OpenID Connect Core, section 5.3).
fn user_info(service: &Service, request: &Received) -> Answer {
    #[derive(Deserialize)]
    struct Claims {
        sub: String,
        exp: i64,
        #[serde(flatten)]
        others: serde_json::Map<String, Value>,
    }

    let token = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
    let claims = token.and_then(|token| service.state().test_issuer.verify::<Claims>(token));
    let Some(claims) = claims.filter(|claims| claims.exp > request.at.as_second()) else {
        let mut answer = Answer::empty(StatusCode::UNAUTHORIZED);
        let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
        answer.headers.insert(header::WWW_AUTHENTICATE, challenge);
        return answer;
    };
    let mut body = json!({ "sub": claims.sub });
    for name in ["name", "preferred_username"] {
        body[name] = claims.others.get(name).cloned().unwrap_or_default();
    }
    Answer::new(StatusCode::OK, "application/json", to_bytes(&body))
}

/// Ends nothing, because there is no session, and returns the user to the client.
fn sign_out(service: &Service, params: &Params) -> Answer {
    match after_sign_out(params, &service.options.allowed_origins) {
        Ok(Some(location)) => redirect(&location),
        Ok(None) => text(StatusCode::OK, "You are signed out.\n"),
        Err(why) => text(StatusCode::BAD_REQUEST, &format!("You are signed out, but not redirected: {why}.\n")),
    }
}

/// Returns a redirect that a browser follows with GET.
fn redirect(location: &str) -> Answer {
    let mut answer = Answer::empty(StatusCode::SEE_OTHER);
    // A URL that was parsed and serialized is always a header value.
    if let Ok(location) = HeaderValue::from_str(location) {
        answer.headers.insert(header::LOCATION, location);
    }
    answer
}

fn text(status: StatusCode, text: &str) -> Answer {
    let mut answer = Answer::new(status, "text/plain; charset=utf-8", text.to_owned());
    answer.headers.insert(HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
    answer
}

/// Escapes a text for HTML, in an element or a quoted attribute.
fn escape(text: &str) -> String {
    let mut escaped = text.to_owned();
    for (character, entity) in [('&', "&amp;"), ('<', "&lt;"), ('>', "&gt;"), ('"', "&quot;"), ('\'', "&#39;")] {
        escaped = escaped.replace(character, entity);
    }
    escaped
}
