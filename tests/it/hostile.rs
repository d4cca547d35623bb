//! Hostile requests, each with its exact answer: whoever sends one gets nothing, and is told which check it failed.

mod issuers;
mod people;
mod table;
mod tokens;

use std::collections::HashSet;

use acs_tokens::auth::{
    Authenticator, BackendAuth, Bearer, CallerKey, RoleMapping,
    bearer::{BearerSettings, Issuer},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::harness::{self, Answer, Api};

const AUDIENCE: &str = "api://acs-tokens";
const KEY: &str = "a key of the web app";
const TENANT: &str = "11111111-2222-4333-8444-555555555555";
const STRANGE_TENANT: &str = "99999999-2222-4333-8444-555555555555";

/// The functions, with a key and the test issuer of an emulator; that issuer twice, once as a tenant's.
struct Service {
    api: Api,
    /// The emulator that is the issuer.
    emulator: String,
    http: reqwest::Client,
}

impl Service {
    /// Somebody who has signed in and is nobody in particular.
    async fn person(&self, claims: Value) -> String {
        let mut all = json!({ "sub": "alice", "roles": null });
        all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
        format!("Bearer {}", self.token(json!({ "claims": all })).await)
    }

    async fn start() -> Self {
        Self::with(|_, _| ()).await
    }

    async fn with(change: impl FnOnce(&mut BearerSettings, &mut Authenticator)) -> Self {
        let (emulator, _) = harness::emulator().await;
        let plain = Issuer::new(&format!("{emulator}/_emulator/oidc"), None).unwrap();
        let tenant = Issuer::new(&format!("{emulator}/_emulator/oidc/{TENANT}/v2.0"), Some(TENANT)).unwrap();
        let mut settings = BearerSettings {
            issuers: vec![plain, tenant],
            audiences: HashSet::from([AUDIENCE.to_owned()]),
            required_scope: None,
            role_mapping: RoleMapping::default(),
        };
        let keys = vec![CallerKey { name: "web".to_owned(), key: KEY.to_owned().into() }];
        let mut callers = Authenticator::from(BackendAuth::Keys(keys));
        change(&mut settings, &mut callers);
        callers.bearer = Some(Bearer::new(settings).unwrap());
        let http = reqwest::Client::builder().build().unwrap();
        Self { api: Api::with_callers(&callers).await, emulator, http }
    }

    /// Asks the issuer.
    async fn issuer(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        let url = format!("{}/_emulator/oidc{path}", self.emulator);
        let mut request = self.http.request(method.parse().unwrap(), url);
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let response = request.send().await.unwrap();
        assert!(response.status().is_success(), "{response:?}");
        serde_json::from_str(&response.text().await.unwrap()).unwrap_or_default()
    }

    /// A good token of a back end, but for what is ordered otherwise.
    async fn token(&self, order: Value) -> String {
        self.token_of("", order).await
    }

    async fn token_of(&self, issuer: &str, mut order: Value) -> String {
        let mut claims = json!({ "aud": AUDIENCE, "sub": "a back end", "roles": ["Tokens.Manage"] });
        if let Some(other) = order["claims"].as_object() {
            claims.as_object_mut().unwrap().extend(other.clone());
        }
        order["claims"] = claims;
        let answer = self.issuer("POST", &format!("{issuer}/tokens"), Some(order)).await;
        answer["token"].as_str().unwrap().to_owned()
    }

    fn create(&self) -> reqwest::RequestBuilder {
        self.api.request("POST", "/api/identities").header("content-type", "application/json").body("{}")
    }

    /// Creates an identity with this value of `Authorization`.
    async fn create_as(&self, authorization: &str) -> Answer {
        Answer::of(self.create().header("authorization", authorization)).await
    }

    async fn fetches(&self) -> (u64, u64) {
        let fetches = self.issuer("GET", "/fetches", None).await;
        (fetches["discovery"].as_u64().unwrap(), fetches["keys"].as_u64().unwrap())
    }
}

fn encode(part: &Value) -> String {
    URL_SAFE_NO_PAD.encode(part.to_string())
}

/// A part of a token.
fn decode(token: &str, part: usize) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(part).unwrap()).unwrap()).unwrap()
}

/// The values of `WWW-Authenticate`.
fn challenges(answer: &Answer) -> Vec<&str> {
    answer.headers.get_all("www-authenticate").iter().map(|value| value.to_str().unwrap()).collect()
}

/// Checks that a token was refused with this detail, which stands in the challenge as well, and that it is not repeated.
#[track_caller]
fn assert_refused(name: &str, answer: &Answer, token: &str, detail: &str) {
    assert_eq!(answer.status, 401, "{name}: {answer:?}");
    answer.assert_problem(401, "unauthorized", "Not authorized", detail, &[]);
    let challenge = format!("Bearer error=\"invalid_token\", error_description=\"{detail}\"");
    assert_eq!(challenges(answer), [challenge.as_str()], "{name}");
    for part in token.split('.').filter(|part| part.len() > 8) {
        assert!(!answer.body.contains(part), "{name}");
    }
}
