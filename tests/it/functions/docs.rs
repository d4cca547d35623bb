//! `GET docs`: one page, with a policy that allows only its own style and script, and the addresses that it calls.

use std::sync::Arc;

use acs_tokens::functions::{Services, docs::EmulatorOrigin};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};

use crate::harness::{Answer, Api};

through_each_host! {
    is_one_page_without_an_emulator,
}

/// Maximum size of the page, in bytes.
const MAX_SIZE: usize = 60_000;

/// Returns the hash of the only element of this name, as a browser computes it.
fn hash_of(page: &str, element: &str) -> String {
    let (open, close) = (format!("<{element}>"), format!("</{element}>"));
    assert_eq!((page.matches(&format!("<{element}")).count(), page.matches(&open).count()), (1, 1), "{element}");
    let content = page.split_once(&open).unwrap().1.split_once(&close).unwrap().0;
    assert!(content.len() > 1000, "{element} is empty");
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(content)))
}

/// Asserts that the policy allows calls to this service and to the emulator only, and returns the page.
async fn page(api: &Api, emulator: &str) -> String {
    let answer = Answer::of(api.request("GET", "/api/docs")).await;
    answer.assert_ok(200);
    let policy = format!(
        "default-src 'none'; script-src {}; style-src {}; img-src data:; connect-src 'self' {emulator}; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
        hash_of(&answer.body, "script"),
        hash_of(&answer.body, "style")
    );
    for (name, value) in [
        ("content-type", "text/html; charset=utf-8"),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("content-security-policy", &policy),
    ] {
        assert_eq!(answer.header(name), value);
    }
    assert!(answer.body.contains(&format!(r#"<meta name="emulator" content="{emulator}">"#)));
    answer.body
}

async fn is_one_page_without_an_emulator(api: Api) {
    let page = page(&api, "").await;
    assert!(page.len() < MAX_SIZE, "{} bytes", page.len());
    // The namespace of the icon is a name, not an address that a browser requests.
    let page = page.replace("http://www.w3.org/2000/svg", "");
    for forbidden in
        ["http:", "https:", "src=", "@import", " url(", "innerHTML", "sessionStorage", "onclick", " style="]
    {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    let head = Answer::of(api.request("HEAD", "/api/docs")).await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
}

#[tokio::test]
async fn names_the_emulator_of_dev() {
    const EMULATOR: &str = "http://127.0.0.1:7072";
    let with_emulator = |services| Services { emulator: EmulatorOrigin(Some(Arc::from(EMULATOR))), ..services };
    let change = |parts: acs_tokens::http::Api| {
        let services = with_emulator(parts.services);
        acs_tokens::http::Api { services, ..parts }
    };
    let with_emulator = page(&Api::with_parts(|_| (), change).await, EMULATOR).await;
    let deployed = page(&Api::direct().await, "").await;
    assert_eq!(with_emulator.replace(EMULATOR, ""), deployed);
}
