//! Sign-in at the test issuer: discovery, codes with PKCE, and tokens.

mod pages;

use std::collections::HashMap;

use acs_tokens::emulator::{Functions, Options};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::Url;
use serde_json::{Value, json};

use super::{Answer, Request, Server, tls::TlsServer};

const CALLBACK: &str = "http://localhost:3000/callback";

// The example of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// The parameters of a valid authorization request.
const AUTHORIZE: [(&str, &str); 8] = [
    ("client_id", "spa"),
    ("redirect_uri", CALLBACK),
    ("response_type", "code"),
    ("scope", "openid profile"),
    ("state", "s&t"),
    ("nonce", "n-1"),
    ("code_challenge", CHALLENGE),
    ("code_challenge_method", "S256"),
];

/// Returns the parameters with changes; an empty value removes one.
fn with<'a>(defaults: &[(&'a str, &'a str)], changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let kept = defaults.iter().filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
    kept.chain(changes.iter().filter(|(_, value)| !value.is_empty())).copied().collect()
}

fn encode(pairs: &[(&str, &str)]) -> String {
    Url::parse_with_params("http://x/", pairs).unwrap().query().unwrap_or_default().to_owned()
}

/// Returns a form of a page without an `Origin`.
fn form(server: &Server, path: &str, pairs: &[(&str, &str)]) -> Request {
    let mut request = server.request("POST", &format!("/_emulator/{path}"), &encode(pairs));
    request.remove("Authorization");
    request.set("Content-Type", "application/x-www-form-urlencoded");
    request
}

/// Returns the parameters of the redirect in an answer.
fn redirect(answer: &Answer, to: &str) -> HashMap<String, String> {
    assert_eq!((answer.status, answer.header("cache-control")), (303, Some("no-store")), "{answer:?}");
    let location = Url::parse(answer.header("location").unwrap()).unwrap();
    assert!(location.as_str().starts_with(to), "{location}");
    location.query_pairs().into_owned().collect()
}

/// Returns the claims of a token. Other tests check signatures with the keys of the issuer.
fn claims(token: &Value) -> Value {
    let payload = token.as_str().unwrap().split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// Signs a user in and returns the code.
async fn code(server: &Server, changes: &[(&str, &str)], name: &str) -> String {
    let path = format!("oidc/authorize?{}", encode(&with(&AUTHORIZE, changes)));
    let answer = server.send(&form(server, &path, &[("name", name)])).await;
    redirect(&answer, CALLBACK)["code"].clone()
}

/// Exchanges a code, with changes of the token request.
async fn exchange(server: &Server, code: &str, changes: &[(&str, &str)]) -> Answer {
    let defaults = [
        ("grant_type", "authorization_code"),
        ("client_id", "spa"),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
        ("code", code),
    ];
    server.send(&form(server, "oidc/token", &with(&defaults, changes))).await
}

/// An emulator for functions and a page.
async fn started() -> Server {
    let functions = Functions {
        origin: "http://127.0.0.1:7071".to_owned(),
        issuer: "http://127.0.0.1:7072/_emulator/oidc".to_owned(),
        entra_issuer: "http://127.0.0.1:7072/_emulator/oidc/tenant/v2.0".to_owned(),
        audience: "functions".to_owned(),
        page: "http://127.0.0.1:7071/api/docs".to_owned(),
    };
    let allowed_origins = vec!["https://app.example".to_owned()];
    Server::with(Options { functions: Some(functions), allowed_origins, ..Options::default() }).await
}

#[tokio::test]
async fn discovery_names_the_endpoints_below_the_issuer_at_each_address() {
    let server = Server::start().await;
    let discovery = "oidc/.well-known/openid-configuration";
    let base = format!("http://{}/_emulator/oidc", server.address);
    let found = server.get(discovery).await;
    for (name, expected) in [
        ("issuer", String::new()),
        ("authorization_endpoint", "/authorize".to_owned()),
        ("token_endpoint", "/token".to_owned()),
        ("userinfo_endpoint", "/userinfo".to_owned()),
        ("end_session_endpoint", "/logout".to_owned()),
        ("jwks_uri", "/jwks".to_owned()),
    ] {
        assert_eq!(found[name], json!(format!("{base}{expected}")));
    }
    assert_eq!(found["response_types_supported"], json!(["code"]));
    assert_eq!(found["code_challenge_methods_supported"], json!(["S256"]));
    assert_eq!(found["token_endpoint_auth_methods_supported"], json!(["none"]));

    let tls = TlsServer::generated().await;
    let request = tls.server.control_request("GET", "oidc/a/.well-known/openid-configuration", &Value::Null);
    let found = tls.send("localhost", &request).await.unwrap().json();
    assert_eq!(found["issuer"], json!(format!("https://{}/_emulator/oidc/a", tls.server.address)));
}

#[tokio::test]
async fn a_user_signs_in_and_gets_tokens() {
    let server = started().await;
    let path = format!("oidc/authorize?{}", encode(&AUTHORIZE));
    let page = server.control("GET", &path, &Value::Null).await;
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(page.body.contains("<code>spa</code>") && page.body.contains("<code>http://localhost:3000</code>"));

    let answer = server.send(&form(&server, &path, &[("name", " Zoë ")])).await;
    let sent = redirect(&answer, CALLBACK);
    assert_eq!((sent.len(), &*sent["state"]), (2, "s&t"));
    let answer = exchange(&server, &sent["code"], &[]).await;
    assert_eq!((answer.status, answer.header("cache-control")), (200, Some("no-store")));
    let tokens = answer.json();
    assert_eq!(tokens["token_type"], "Bearer");
    assert_eq!((&tokens["expires_in"], &tokens["scope"]), (&json!(3600), &json!("openid profile")));

    // The functions trust one address of the issuer. A client compares the ID token with the address that it used.
    let access = claims(&tokens["access_token"]);
    assert_eq!(access["iss"], "http://127.0.0.1:7072/_emulator/oidc");
    assert_eq!(
        (&access["aud"], &access["client_id"], &access["sub"]),
        (&json!("functions"), &json!("spa"), &json!("Zoë"))
    );
    assert_eq!((&access["scope"], access.get("nonce")), (&json!("openid profile"), None));
    let id = claims(&tokens["id_token"]);
    assert_eq!(id["iss"], json!(format!("http://{}/_emulator/oidc", server.address)));
    assert_eq!((&id["aud"], &id["sub"], &id["nonce"]), (&json!("spa"), &json!("Zoë"), &json!("n-1")));
    assert_eq!((&id["name"], &id["preferred_username"]), (&json!("Zoë"), &json!("Zoë")));
    assert_eq!(id["exp"].as_i64().unwrap() - id["iat"].as_i64().unwrap(), 3600);

    let mut request = server.control_request("GET", "oidc/userinfo", &Value::Null);
    assert_eq!(server.send(&request).await.status, 401);
    request.set("Authorization", &format!("Bearer {}", tokens["access_token"].as_str().unwrap()));
    let expected = json!({"sub": "Zoë", "name": "Zoë", "preferred_username": "Zoë"});
    assert_eq!(server.send(&request).await.json(), expected);
}

#[tokio::test]
async fn a_refresh_token_continues_the_sign_in_of_its_client_at_its_issuer() {
    let server = started().await;
    let code = code(&server, &[("scope", "openid offline_access")], "alice").await;
    let tokens = exchange(&server, &code, &[]).await.json();
    let token = tokens["refresh_token"].as_str().unwrap();
    let refresh = [("grant_type", "refresh_token"), ("client_id", "spa"), ("refresh_token", token)];
    let answer = server.send(&form(&server, "oidc/token", &refresh)).await.json();
    assert_eq!(answer["scope"], "openid offline_access");
    let access = claims(&answer["access_token"]);
    assert_eq!((&access["sub"], &access["aud"]), (&json!("alice"), &json!("functions")));
    let (first, second) = (claims(&tokens["id_token"]), claims(&answer["id_token"]));
    assert_eq!(
        (&second["sub"], &second["auth_time"], second.get("nonce")),
        (&json!("alice"), &first["auth_time"], None)
    );
    assert!(answer["refresh_token"].is_string());
    let changed = with(&refresh, &[("scope", "api")]);
    assert_eq!(server.send(&form(&server, "oidc/token", &changed)).await.json()["scope"], "api");

    let access = tokens["access_token"].as_str().unwrap();
    for (path, change) in [
        ("oidc/token", ("client_id", "other")),
        ("oidc/token", ("refresh_token", access)),
        ("oidc/token", ("refresh_token", "x")),
        ("oidc/other/token", ("client_id", "spa")),
    ] {
        let answer = server.send(&form(&server, path, &with(&refresh, &[change]))).await;
        assert_eq!((answer.status, &answer.json()["error"]), (400, &json!("invalid_grant")), "{path} {change:?}");
    }
    server.order("POST", "oidc/rotate", &Value::Null).await;
    assert_eq!(server.send(&form(&server, "oidc/token", &refresh)).await.status, 400);
}

#[tokio::test]
async fn a_code_is_for_one_use_by_the_client_that_asked_for_it() {
    let server = started().await;
    let missing = |name| format!("the parameter {name} is missing");
    for (change, error, description) in [
        (("client_id", "other"), "invalid_grant", "the code was issued to another client_id".to_owned()),
        (
            ("redirect_uri", "http://localhost:3000/other"),
            "invalid_grant",
            "redirect_uri differs from that of the authorization request".to_owned(),
        ),
        (("code_verifier", CHALLENGE), "invalid_grant", "code_verifier does not match the code_challenge".to_owned()),
        (("code", "x"), "invalid_grant", "the code is unknown, used or expired".to_owned()),
        (("code_verifier", ""), "invalid_request", missing("code_verifier")),
        (("client_id", ""), "invalid_request", missing("client_id")),
        (("grant_type", ""), "invalid_request", missing("grant_type")),
        (
            ("grant_type", "password"),
            "unsupported_grant_type",
            "grant_type must be authorization_code or refresh_token".to_owned(),
        ),
    ] {
        let code = code(&server, &[], "alice").await;
        let answer = exchange(&server, &code, &[change]).await;
        let expected = json!({"error": error, "error_description": description});
        assert_eq!((answer.status, answer.json()), (400, expected));
        // A code that was tried with wrong values is used up.
        let status = exchange(&server, &code, &[]).await.status;
        assert_eq!(status, if error == "invalid_grant" && change.0 != "code" { 400 } else { 200 }, "{change:?}");
    }
    let first = code(&server, &[], "alice").await;
    assert_eq!(exchange(&server, &first, &[]).await.status, 200);
    assert_eq!(exchange(&server, &first, &[]).await.json()["error"], "invalid_grant");
    let another = code(&server, &[], "alice").await;
    let pairs = [("grant_type", "authorization_code"), ("client_id", "spa"), ("code", &another)];
    let pairs = with(&pairs, &[("redirect_uri", CALLBACK), ("code_verifier", VERIFIER)]);
    let answer = server.send(&form(&server, "oidc/other/token", &pairs)).await;
    assert_eq!(answer.json()["error_description"], "the code is of another issuer");
}

#[tokio::test]
async fn without_functions_the_client_is_the_audience() {
    let server = Server::start().await;
    let code = code(&server, &[("scope", "api")], "alice").await;
    let tokens = exchange(&server, &code, &[]).await.json();
    let access = claims(&tokens["access_token"]);
    assert_eq!(
        (&access["aud"], &access["iss"]),
        (&json!("spa"), &json!(format!("http://{}/_emulator/oidc", server.address)))
    );
    assert_eq!(tokens.get("id_token"), None); // only for the scope `openid`
    let answer = server.control("GET", "oidc/logout", &Value::Null).await;
    assert_eq!((answer.status, &*answer.body), (200, "You are signed out.\n"));
}
