//! The start of the control API, and requests from the page of the functions.

use acs_tokens::emulator::{Functions, Options};
use serde_json::json;

use super::Server;

fn functions() -> Functions {
    Functions {
        origin: "http://127.0.0.1:7071".to_owned(),
        issuer: "http://127.0.0.1:7072/_emulator/oidc".to_owned(),
        entra_issuer: "http://127.0.0.1:7072/_emulator/oidc/e27a0000-0000-4000-8000-e27a00000000/v2.0".to_owned(),
        audience: "them".to_owned(),
        page: "http://127.0.0.1:7071/api/docs".to_owned(),
    }
}

#[tokio::test]
async fn start_leads_to_the_page_of_the_functions() {
    let server = Server::with(Options { functions: Some(functions()), ..Options::default() }).await;
    for path in ["/_emulator", "/_emulator/"] {
        let answer = server.call("GET", path, "").await;
        assert_eq!((answer.status, answer.header("location")), (303, Some("http://127.0.0.1:7071/api/docs")));
    }
    assert_eq!(server.get("state").await["functions"], json!(functions()));

    let server = Server::start().await;
    let answer = server.call("GET", "/_emulator/", "").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/plain; charset=utf-8")));
    assert!(answer.body.contains("acs-tokens dev"), "{}", answer.body);
    assert_eq!(server.get("state").await["functions"], json!(null));
}

#[tokio::test]
async fn only_the_page_of_the_functions_may_call() {
    let with_page = Server::with(Options { functions: Some(functions()), ..Options::default() }).await;
    let alone = Server::start().await;
    let on_port_80 = Functions { origin: "http://127.0.0.1:80".to_owned(), ..functions() };
    let on_port_80 = Server::with(Options { functions: Some(on_port_80), ..Options::default() }).await;
    let own = format!("http://{}", with_page.address);
    for (server, origin, status, allowed) in [
        (&with_page, "http://127.0.0.1:7071", 200, true),
        (&with_page, "http://localhost:7071", 200, true),
        (&with_page, &own, 200, false),
        (&with_page, "https://127.0.0.1:7071", 403, false),
        (&with_page, "http://127.0.0.1:70710", 403, false),
        (&with_page, "http://evil.example", 403, false),
        (&with_page, "null", 403, false),
        (&alone, "http://127.0.0.1:7071", 403, false),
        (&on_port_80, "http://localhost", 200, true),
        (&on_port_80, "http://127.0.0.1:7071", 403, false),
    ] {
        let allowed = allowed.then_some(origin);
        let mut request = server.control_request("POST", "oidc/tokens", &json!({"claims": {"sub": "alice"}}));
        request.set("Origin", origin);
        let answer = server.send(&request).await;
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (status, allowed), "{origin}");
        assert_eq!(answer.header("vary"), Some("Origin"));

        let mut preflight = server.request("OPTIONS", "/_emulator/settings", "");
        preflight.set("Origin", origin);
        let answer = server.send(&preflight).await;
        assert_eq!((answer.status == 204, answer.header("access-control-allow-origin")), (allowed.is_some(), allowed));
        let [methods, headers] =
            ["methods", "headers"].map(|part| answer.header(&format!("access-control-allow-{part}")));
        let expected = allowed.map(|_| ("GET, POST, PUT, DELETE", "content-type"));
        assert_eq!(methods.zip(headers), expected, "{origin}");
    }
}

#[tokio::test]
async fn other_host_names_are_rejected() {
    let server = Server::start().await;
    let mut request = server.request("GET", "/_emulator/", "");
    request.set("Host", "emulator.example");
    assert_eq!(server.send(&request).await.status, 403);
}
