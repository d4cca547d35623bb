//! The page: served whole, with nothing from elsewhere, and with leave for nothing but what it does.

use acs_tokens::emulator::{Emulator, Functions, Options};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;

use super::Bench;

async fn bench_with(functions: Option<Functions>) -> Bench {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let emulator = Emulator::new(Options { functions, ..Options::default() });
    tokio::spawn(async move { emulator.serve_http(listener).await });
    Bench { address }
}

/// What a browser hashes of the one element of this name.
fn hash_of(page: &str, element: &str) -> String {
    let (open, close) = (format!("<{element}>"), format!("</{element}>"));
    assert_eq!((page.matches(&format!("<{element}")).count(), page.matches(&open).count()), (1, 1), "{element}");
    let inside = page.split_once(&open).unwrap().1.split_once(&close).unwrap().0;
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(inside)))
}

#[tokio::test]
async fn it_is_one_file_that_may_do_what_it_does_and_no_more() {
    let functions = Functions {
        origin: "http://127.0.0.1:7071".to_owned(),
        issuer: "http://127.0.0.1:7072/_emulator/oidc".to_owned(),
        audience: "them".to_owned(),
    };
    for (functions, connect) in [(None, "'self' "), (Some(functions), "'self' http://127.0.0.1:7071")] {
        let known = json!(functions);
        let bench = bench_with(functions).await;
        for path in ["", "/"] {
            let answer = bench.send(&bench.call("GET", &format!("/_emulator{path}"), "")).await;
            assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/html; charset=utf-8")));
            assert_eq!(answer.header("cache-control"), Some("no-store"));
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
            assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
            let policy = format!(
                "default-src 'none'; script-src {}; style-src {}; img-src data:; connect-src {connect}; base-uri 'none'; \
                 form-action 'none'; frame-ancestors 'none'",
                hash_of(&answer.body, "script"),
                hash_of(&answer.body, "style")
            );
            assert_eq!(answer.header("content-security-policy"), Some(&*policy));
            // Its icon's namespace is a name, and no address that anybody asks.
            let page = answer.body.replace("http://www.w3.org/2000/svg", "");
            for elsewhere in ["http:", "https:", "src=", "@import", "url(", "innerHTML", "localStorage", "onclick"] {
                assert!(!page.contains(elsewhere), "{elsewhere}");
            }
        }
        assert_eq!(bench.control("GET", "state", &Value::Null).await.json()["functions"], known);
    }
}

#[tokio::test]
async fn it_is_for_this_machine_under_its_own_names() {
    let bench = Bench::start().await;
    let mut call = bench.call("GET", "/_emulator/", "");
    call.set("Host", "emulator.example");
    assert_eq!(bench.send(&call).await.status, 403);
    // What the page posts has its origin with it.
    let mut call = bench.call("POST", "/_emulator/oidc/tokens", r#"{"claims":{"sub":"alice"}}"#);
    call.set("Origin", &format!("http://{}", bench.address));
    let answer = bench.send(&call).await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, None));
}
