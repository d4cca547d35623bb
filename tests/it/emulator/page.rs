//! The page: one file, with a policy that allows only its own script and the addresses it calls.

use acs_tokens::emulator::{Functions, Options};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::Server;

/// Returns the hash of the only element of this name, as a browser computes it.
fn hash_of(page: &str, element: &str) -> String {
    let (open, close) = (format!("<{element}>"), format!("</{element}>"));
    assert_eq!((page.matches(&format!("<{element}")).count(), page.matches(&open).count()), (1, 1), "{element}");
    let content = page.split_once(&open).unwrap().1.split_once(&close).unwrap().0;
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(content)))
}

#[tokio::test]
async fn the_policy_allows_only_the_page_and_its_functions() {
    let functions = Functions {
        origin: "http://127.0.0.1:7071".to_owned(),
        issuer: "http://127.0.0.1:7072/_emulator/oidc".to_owned(),
        audience: "them".to_owned(),
    };
    for (functions, connect) in [(None, "'self' "), (Some(functions), "'self' http://127.0.0.1:7071")] {
        let server = Server::with(Options { functions: functions.clone(), ..Options::default() }).await;
        for path in ["/_emulator", "/_emulator/"] {
            let answer = server.call("GET", path, "").await;
            let policy = format!(
                "default-src 'none'; script-src {}; style-src {}; img-src data:; connect-src {connect}; base-uri 'none'; \
                 form-action 'none'; frame-ancestors 'none'",
                hash_of(&answer.body, "script"),
                hash_of(&answer.body, "style")
            );
            assert_eq!(answer.status, 200);
            for (name, value) in [
                ("content-type", "text/html; charset=utf-8"),
                ("cache-control", "no-store"),
                ("x-content-type-options", "nosniff"),
                ("referrer-policy", "no-referrer"),
                ("content-security-policy", &policy),
            ] {
                assert_eq!(answer.header(name), Some(value));
            }
            // The namespace of the icon is a name, not an address that a browser requests.
            let page = answer.body.replace("http://www.w3.org/2000/svg", "");
            for forbidden in ["http:", "https:", "src=", "@import", "url(", "innerHTML", "localStorage", "onclick"] {
                assert!(!page.contains(forbidden), "{forbidden}");
            }
        }
        assert_eq!(server.get("state").await["functions"], json!(functions));
    }
}

#[tokio::test]
async fn other_host_names_are_rejected() {
    let server = Server::start().await;
    let mut request = server.request("GET", "/_emulator/", "");
    request.set("Host", "emulator.example");
    assert_eq!(server.send(&request).await.status, 403);
    // A browser sends the Origin with what the page posts.
    let mut request = server.control_request("POST", "oidc/tokens", &json!({"claims": {"sub": "alice"}}));
    request.set("Origin", &format!("http://{}", server.address));
    let answer = server.send(&request).await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, None));
}
