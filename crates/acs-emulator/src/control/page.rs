//! The page: one HTML file that calls the control API and the functions, and no other address.

use std::sync::LazyLock;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderValue, StatusCode, header};
use sha2::{Digest as _, Sha256};

use crate::{answer::Answer, options::Options};

const PAGE: &str = include_str!("../page.html");

/// The sources of the page's script and style in its Content-Security-Policy: their hashes.
static SOURCES: LazyLock<[String; 2]> = LazyLock::new(|| {
    ["script", "style"].map(|element| {
        let content = PAGE.split_once(&format!("<{element}>")).map_or("", |(_, rest)| rest);
        let content = content.split_once(&format!("</{element}>")).map_or("", |(content, _)| content);
        format!("'sha256-{}'", STANDARD.encode(Sha256::digest(content)))
    })
});

/// Returns the page. Its policy allows calls to the functions of the options.
pub(super) fn answer(options: &Options) -> Answer {
    let [script, style] = &*SOURCES;
    let functions = options.functions.as_ref().map_or("", |functions| &functions.origin);
    let policy = format!(
        "default-src 'none'; script-src {script}; style-src {style}; img-src data:; connect-src 'self' {functions}; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let mut answer = Answer::new(StatusCode::OK, "text/html; charset=utf-8", PAGE);
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        answer.headers.insert(name, HeaderValue::from_static(value));
    }
    // A browser cannot call an origin that is not a header value.
    let policy = HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"));
    answer.headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    answer
}
