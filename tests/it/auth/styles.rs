//! Tokens in the style of known issuers, with the settings that docs/issuers.md gives for them.

mod microsoft;
mod others;

use acs_tokens::config::{Config, Program};
use axum::{Router, extract::OriginalUri};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{
    api_with, create_as,
    rejection::{BACK_ENDS_ONLY, Rejection, USERS_ONLY},
    with,
};
use crate::harness::Api;

/// The role of back ends.
const ROLE: &str = "Tokens.Manage";

/// An issuer and its tokens.
struct Style {
    /// The path of `iss` below the test's issuer.
    issuer: &'static str,
    /// The path and query of the discovery document, or empty for the usual one.
    metadata: &'static str,
    /// The settings, in which `{base}` stands for the URL of the test's issuer.
    settings: Vec<(&'static str, String)>,
    tokens: Vec<(&'static str, Value, Expected)>,
}

/// The kind of caller that a token identifies, or the reason to reject it.
enum Expected {
    User,
    BackEnd,
    Rejected(Rejection),
}
use Expected::{BackEnd, Rejected, User};

fn settings<const N: usize>(settings: [(&'static str, &str); N]) -> Vec<(&'static str, String)> {
    settings.map(|(name, value)| (name, value.to_owned())).into()
}

/// Starts an issuer with the emulator's keys, and serves the functions with the settings for it.
async fn api_for(style: &Style) -> (Api, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let mut jwks = String::new();
    let api = api_with(|issuers| {
        jwks = format!("{}/jwks", issuers[0].issuer.name());
        let get = |name: &str| {
            let own = [
                ("COMMUNICATION_SERVICES_CONNECTION_STRING", "endpoint=https://a.example;accesskey=c2VjcmV0"),
                ("CALLER_KEYS", "web=a-key-of-the-web-app"),
            ];
            let set = style.settings.iter().map(|(name, value)| (*name, &**value));
            let (_, value) = own.into_iter().chain(set).find(|(other, _)| *other == name)?;
            Some(value.replace("{base}", &base).into())
        };
        let config = Config::from_env(Program::Server, &get).unwrap();
        *issuers = config.authenticator.bearer.unwrap().trusted().cloned().collect();
    })
    .await;
    let usual = format!("{}/.well-known/openid-configuration", style.issuer.trim_end_matches('/'));
    let metadata = if style.metadata.is_empty() { usual } else { style.metadata.to_owned() };
    let discovery = json!({ "issuer": format!("{base}{}", style.issuer), "jwks_uri": jwks }).to_string();
    let app =
        Router::new().fallback(
            async move |OriginalUri(uri): OriginalUri| {
                if uri == *metadata { Ok(discovery.clone()) } else { Err(http::StatusCode::NOT_FOUND) }
            },
        );
    tokio::spawn(async move { axum::serve(listener, app).await });
    (api, base)
}

async fn assert_style(name: &str, style: Style) {
    let (api, base) = api_for(&style).await;
    for (token, claims, expected) in &style.tokens {
        let name = format!("{name}, {token}");
        let claims = with(json!({ "iss": format!("{base}{}", style.issuer), "aud": null }), claims);
        let authorization = format!("Bearer {}", api.issuer_token("", json!({ "claims": claims })).await);
        let created = create_as(&api, &authorization).await;
        let own = api.post_of(&authorization, "/api/me/token", "{}").await;
        match expected {
            User => {
                BACK_ENDS_ONLY.assert(&name, &created);
                assert_eq!(own.status, 200, "{name}: {own:?}");
            }
            BackEnd => {
                assert_eq!(created.status, 201, "{name}: {created:?}");
                USERS_ONLY.assert(&name, &own);
            }
            Rejected(rejection) => {
                rejection.assert(&name, &created);
                rejection.assert(&name, &own);
            }
        }
    }
}
