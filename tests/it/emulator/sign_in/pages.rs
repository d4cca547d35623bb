//! Sign-in at the test issuer, as browsers see it: redirects, the form, and what pages of other origins may read.

use acs_tokens::emulator::Options;
use serde_json::Value;

use super::{super::Server, AUTHORIZE, CALLBACK, encode, form, redirect, started, with};

const PAGE: &str = "http://localhost:3000";

#[tokio::test]
async fn the_client_is_told_of_errors_by_a_redirect() {
    let server = started().await;
    for (change, error) in [
        (("response_type", "token"), "unsupported_response_type"),
        (("response_type", ""), "invalid_request"),
        (("code_challenge", ""), "invalid_request"),
        (("code_challenge", "short"), "invalid_request"),
        (("code_challenge_method", "plain"), "invalid_request"),
        (("code_challenge_method", ""), "invalid_request"),
        (("response_mode", "form_post"), "invalid_request"),
        (("prompt", "none"), "login_required"),
        (("request", "eyJ"), "request_not_supported"),
        (("request_uri", "https://app.example/"), "request_uri_not_supported"),
    ] {
        let path = format!("oidc/authorize?{}", encode(&with(&AUTHORIZE, &[change])));
        let sent = redirect(&server.control("GET", &path, &Value::Null).await, CALLBACK);
        assert_eq!((&*sent["error"], &*sent["state"], sent.len()), (error, "s&t", 3), "{change:?}");
    }
    let path = format!("oidc/authorize?{}", encode(&with(&AUTHORIZE, &[("response_mode", "fragment")])));
    let answer = server.send(&form(&server, &path, &[("name", "alice")])).await;
    let location = answer.header("location").unwrap();
    assert!(location.starts_with(&format!("{CALLBACK}#code=")) && location.ends_with("&state=s%26t"), "{location}");
}

#[tokio::test]
async fn codes_go_to_this_machine_and_to_allowed_origins_only() {
    let server = started().await;
    for (uri, error) in [
        ("http://localhost:3000/callback", None),
        ("https://localhost/", None),
        ("http://127.0.0.1:5173/?x=1", None),
        ("http://[::1]:5173/", None),
        ("https://app.example/callback", None),
        ("http://app.example/callback", Some("is neither on this machine nor of an allowed origin")),
        ("https://app.example:8443/", Some("is neither on this machine nor of an allowed origin")),
        ("https://app.example.attacker.example/", Some("is neither on this machine nor of an allowed origin")),
        ("http://localhost.attacker.example/", Some("is neither on this machine nor of an allowed origin")),
        ("http://localhost@attacker.example/", Some("has a fragment or a user name")),
        ("http://localhost:3000/#x", Some("has a fragment or a user name")),
        ("javascript:alert(1)", Some("is neither http nor https")),
        ("/callback", Some("is not a URL")),
        ("", Some("the parameter redirect_uri is missing")),
    ] {
        let path = format!("oidc/authorize?{}", encode(&with(&AUTHORIZE, &[("redirect_uri", uri)])));
        let answer = server.control("GET", &path, &Value::Null).await;
        assert_eq!(answer.status, if error.is_none() { 200 } else { 400 }, "{uri}");
        assert!(error.is_none_or(|error| answer.body.contains(error)), "{uri}: {}", answer.body);
        assert_eq!(answer.header("location"), None);
        let path = format!("oidc/logout?{}", encode(&with(&[("state", "s")], &[("post_logout_redirect_uri", uri)])));
        let answer = server.control("GET", &path, &Value::Null).await;
        match error {
            None => assert_eq!(redirect(&answer, uri)["state"], "s"),
            Some(_) => assert_eq!(answer.status, if uri.is_empty() { 200 } else { 400 }, "{uri}"),
        }
    }
    let any = Server::with(Options { allowed_origins: vec!["*".to_owned()], ..Options::default() }).await;
    let path = format!("oidc/authorize?{}", encode(&with(&AUTHORIZE, &[("redirect_uri", "https://app.example/")])));
    assert_eq!(any.control("GET", &path, &Value::Null).await.status, 400);
    let path = format!("oidc/authorize?{}&client_id=spa", encode(&AUTHORIZE));
    let answer = any.control("GET", &path, &Value::Null).await;
    assert_eq!(answer.body, "The sign-in is refused: the parameter client_id is there twice.\n");
}

#[tokio::test]
async fn the_form_refuses_invalid_names_and_shows_values_as_text() {
    let server = started().await;
    let path = format!("oidc/authorize?{}", encode(&AUTHORIZE));
    let (longest, too_long) = ("x".repeat(200), "x".repeat(201));
    for (name, error) in [
        ("", "Enter a name."),
        (" \u{a0}\t", "Enter a name."),
        (&*too_long, "The name is too long. Enter at most 200 characters."),
        ("a\u{7}b", "The name has a control character. Remove it."),
        ("spa", "The name is that of the client. Enter another one."),
    ] {
        let answer = server.send(&form(&server, &path, &[("name", name)])).await;
        assert_eq!((answer.status, answer.header("location")), (400, None), "{name:?}");
        assert!(answer.body.contains(&format!("role=\"alert\">{error}</p>")), "{}", answer.body);
    }
    assert_eq!(server.send(&form(&server, &path, &[("name", &longest)])).await.status, 303);

    let hint = "\"><script>alert(1)</script>{client}";
    let path = format!("oidc/authorize?{}", encode(&with(&AUTHORIZE, &[("login_hint", hint), ("client_id", "<b>&'")])));
    let answer = server.control("GET", &path, &Value::Null).await;
    assert!(
        answer.body.contains("value=\"&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;{client}\""),
        "{}",
        answer.body
    );
    assert!(answer.body.contains("<code>&lt;b&gt;&amp;&#39;</code>"));
    let policy = answer.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    assert!(policy.ends_with("form-action 'self' http://localhost:3000; frame-ancestors 'none'"), "{policy}");

    // Another page cannot send the form, and no page can read the answer.
    let mut forged = form(&server, &path, &[("name", "alice")]);
    for origin in ["https://app.example", "null"] {
        forged.set("Origin", origin);
        assert_eq!(server.send(&forged).await.status, 403);
    }
}

#[tokio::test]
async fn pages_of_allowed_origins_read_what_openid_connect_lets_them_read() {
    let server = Server::with(Options { allowed_origins: vec![PAGE.to_owned()], ..Options::default() }).await;
    let any = Server::with(Options { allowed_origins: vec!["*".to_owned()], ..Options::default() }).await;
    let discovery = "oidc/.well-known/openid-configuration";
    for (method, path, status) in [
        ("GET", discovery, 200),
        ("GET", "oidc/jwks", 200),
        ("POST", "oidc/token", 400),
        ("GET", "oidc/userinfo", 401),
        ("GET", "oidc/a/jwks", 200),
    ] {
        for (server, origin, allowed) in
            [(&server, PAGE, true), (&server, "http://localhost:3001", false), (&any, "http://localhost:3001", true)]
        {
            let mut request = server.control_request(method, path, &Value::Null);
            request.set("Origin", origin);
            let answer = server.send(&request).await;
            let expected = if allowed { (status, Some(origin), Some("Origin")) } else { (403, None, Some("Origin")) };
            let found = (answer.status, answer.header("access-control-allow-origin"), answer.header("vary"));
            assert_eq!(found, expected, "{method} {path} {origin}");
            let mut request = server.control_request("OPTIONS", path, &Value::Null);
            request.set("Origin", origin);
            request.set("Access-Control-Request-Method", method);
            request.set("Access-Control-Request-Headers", "authorization,x-client-sku");
            let answer = server.send(&request).await;
            assert_eq!(answer.status, if allowed { 204 } else { 403 });
            let headers = answer.header("access-control-allow-headers");
            assert_eq!(headers, allowed.then_some("authorization,x-client-sku"));
        }
    }
    // The rest of the control API is for no other page.
    for (method, path) in [("POST", "oidc/tokens"), ("GET", "oidc/authorize"), ("GET", "oidc/logout"), ("GET", "state")]
    {
        let mut request = any.control_request(method, path, &Value::Null);
        request.set("Origin", PAGE);
        assert_eq!(any.send(&request).await.status, 403, "{path}");
    }
}
