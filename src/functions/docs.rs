//! `GET docs`: the API as a page and, under `dev`, a place to try it.

use std::sync::{Arc, LazyLock};

use axum::{
    body::Body,
    extract::State,
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{
    HeaderValue,
    header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY},
};
use sha2::{Digest as _, Sha256};

const STYLE: &str = include_str!("docs/page.css");

/// The script: one text, because a hash allows one element.
const SCRIPT: &str = concat!(
    include_str!("docs/dom.js"),
    include_str!("docs/samples.js"),
    include_str!("docs/reference.js"),
    include_str!("docs/tokens.js"),
    include_str!("docs/try.js"),
);

/// The empty elements of the HTML that style and script are inserted into, and the origin of the emulator.
const STYLE_SLOT: &str = "<style></style>";
const SCRIPT_SLOT: &str = "<script></script>";
const EMULATOR_SLOT: &str = r#"<meta name="emulator" content="">"#;

/// The page as it is deployed.
static PAGE: LazyLock<String> = LazyLock::new(|| {
    include_str!("docs/page.html")
        .replace(STYLE_SLOT, &format!("<style>{STYLE}</style>"))
        .replace(SCRIPT_SLOT, &format!("<script>{SCRIPT}</script>"))
});

/// The origin of the emulator that `dev` runs, such as `http://127.0.0.1:7072`. `None` if there is no emulator: the page
/// then offers nothing to try.
#[derive(Debug, Clone, Default)]
pub struct EmulatorOrigin(pub Option<Arc<str>>);

/// Answers 200 with the page. Its policy allows calls to this service and to the emulator, and no other address.
pub async fn handle(State(EmulatorOrigin(emulator)): State<EmulatorOrigin>) -> Response {
    let page = match &emulator {
        None => Body::from(PAGE.as_str()),
        Some(origin) => PAGE.replace(EMULATOR_SLOT, &EMULATOR_SLOT.replace(r#""""#, &format!("\"{origin}\""))).into(),
    };
    let policy = HeaderValue::try_from(policy(emulator.as_deref().unwrap_or_default()));
    let mut response = page.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(CONTENT_SECURITY_POLICY, policy.unwrap_or(HeaderValue::from_static("default-src 'none'")));
    response
}

/// Returns the Content-Security-Policy. Style and script are allowed by their hashes.
fn policy(emulator: &str) -> String {
    let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)));
    format!(
        "default-src 'none'; script-src {}; style-src {}; img-src data:; connect-src 'self' {emulator}; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
        hash(SCRIPT),
        hash(STYLE)
    )
}
