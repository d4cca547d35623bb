//! People who sign in at the emulator's test issuer, and the functions set up for them.

use std::collections::HashSet;

use acs_tokens::{
    access::{
        AccessRules,
        rate_limits::{RateLimits, Rates},
    },
    acs::{Client, connection_string::ConnectionString},
    auth::{
        Authenticator, BackendAuth, Bearer, RoleMapping,
        bearer::{BearerSettings, Issuer},
    },
    directory,
    functions::Services,
    http::router_with,
    server,
};
use axum::Router;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{Answer, Api, assert_token, emulator};
use crate::host::{Generation, Keys};

/// The name of the functions at the issuer.
pub(crate) const AUDIENCE: &str = "api://acs-tokens";

/// Their name at Entra, and that of the web page that people use them by: one application for both.
pub(crate) const CLIENT: &str = "2c3e1e83-8fd7-4615-ad2b-b8c1229845ac";

/// The Entra tenant whose people may sign in as well.
pub(crate) const TENANT: &str = "11111111-2222-4333-8444-555555555555";

/// What people may have who have no role is left as it is out of the box.
const POLICY: &str = r#"{"roles":{"host":{"scopes":["chat","voip"],"maxMinutes":1440}}}"#;

/// What it takes to let people in: two issuers, one of them a tenant's.
pub(crate) fn sign_in_at(emulator: &str) -> Bearer {
    let plain = Issuer::new(&format!("{emulator}/_emulator/oidc"), None).unwrap();
    let tenant = Issuer::new(&format!("{emulator}/_emulator/oidc/{TENANT}/v2.0"), Some(TENANT)).unwrap();
    let settings = BearerSettings {
        issuers: vec![plain, tenant],
        audiences: HashSet::from([AUDIENCE, CLIENT].map(str::to_owned)),
        required_scope: None,
        role_mapping: RoleMapping::default(),
    };
    Bearer::new(settings).unwrap()
}

impl Api {
    /// The router on a socket, for people who sign in and for anyone as a back end.
    pub(crate) async fn direct_with_people() -> Self {
        let limits = RateLimits::new(Rates { users: None, keys: None });
        let rules = AccessRules { policy: POLICY.parse().unwrap(), rate_limits: limits, ..AccessRules::default() };
        Self::with_people(Some(&directory::DirectorySettings::in_memory()), rules).await
    }

    /// The same under these rules, perhaps without a directory.
    pub(crate) async fn with_people(directory: Option<&directory::DirectorySettings>, rules: AccessRules) -> Self {
        let (emulator, connection_string) = emulator().await;
        let acs = Client::new(connection_string.parse::<ConnectionString>().unwrap().into()).unwrap();
        let callers = Authenticator { bearer: Some(sign_in_at(&emulator)), ..BackendAuth::Anyone.into() };
        Self::serving(emulator, router_with(Services::open(acs, directory).unwrap(), &callers, rules)).await
    }

    /// A router on a socket, over an emulator.
    pub(super) async fn serving(emulator: String, app: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(server::run(listener, app, std::future::pending()));
        Self { base, emulator, http: super::client(), host: None }
    }

    /// The real `handler` behind the stand-in host, in the same way.
    pub(crate) async fn hosted_with_people(generation: Generation) -> Self {
        Self::hosted_with_people_and(generation, None, &[]).await
    }

    /// The same with keys for back ends and more settings.
    pub(crate) async fn hosted_with_people_and(
        generation: Generation,
        keys: Option<Keys>,
        more: &[(&str, &str)],
    ) -> Self {
        let emulator = emulator().await;
        let issuer = format!("{}/_emulator/oidc", emulator.0);
        let settings = [
            ("OIDC_ISSUERS", &*format!("{issuer},{issuer}/{{tenantid}}/v2.0")),
            ("OIDC_TENANTS", TENANT),
            ("OIDC_AUDIENCES", &*format!("{AUDIENCE},{CLIENT}")),
            ("TOKEN_POLICY", POLICY),
            ("RATE_LIMIT", "none"),
            ("USER_DIRECTORY", "memory:"),
        ];
        Self::hosted_at(emulator, generation, keys, &[&settings, more].concat()).await
    }

    /// Signs somebody in with these claims: the value of `Authorization`.
    pub(crate) async fn sign_in(&self, claims: Value) -> String {
        self.sign_in_at("oidc", claims).await
    }

    /// The same for somebody of the tenant.
    pub(crate) async fn sign_in_by_entra(&self, claims: Value) -> String {
        self.sign_in_at(&format!("oidc/{TENANT}/v2.0"), claims).await
    }

    async fn sign_in_at(&self, issuer: &str, claims: Value) -> String {
        let mut all = json!({ "aud": AUDIENCE });
        all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
        let answer = self.control("POST", &format!("{issuer}/tokens"), Some(json!({ "claims": all }))).await;
        format!("Bearer {}", answer["token"].as_str().unwrap())
    }

    /// Signs in somebody who is nothing but that.
    pub(crate) async fn person(&self, name: &str) -> String {
        self.sign_in(json!({ "sub": name })).await
    }

    /// A request in somebody's name.
    pub(crate) fn of(&self, person: &str, method: &str, path: &str) -> RequestBuilder {
        self.request(method, path).header("authorization", person)
    }

    /// A POST of JSON in somebody's name.
    pub(crate) async fn post_of(&self, person: &str, path: &str, body: &str) -> Answer {
        let request = self.of(person, "POST", path).header("content-type", "application/json");
        Answer::of(request.body(body.to_owned())).await
    }

    /// Somebody's own token, for all they may have, and their identity.
    pub(crate) async fn own_token(&self, person: &str) -> Owned {
        let answer = self.post_of(person, "/api/me/token", "{}").await;
        answer.assert_ok(200);
        Owned::read(&answer)
    }

    /// What the emulator knows of an identity.
    pub(crate) async fn identity(&self, id: &str) -> Value {
        let state = self.control("GET", "state", None).await;
        let found = state["identities"].as_array().unwrap().iter().find(|identity| identity["id"] == id);
        found.unwrap_or_else(|| panic!("{id} is not there")).clone()
    }

    /// How many identities were ever made.
    pub(crate) async fn identities(&self) -> usize {
        self.control("GET", "state", None).await["identities"].as_array().unwrap().len()
    }
}

/// A token that came with whose it is.
pub(crate) struct Owned {
    pub(crate) id: String,
    pub(crate) token: String,
}

impl Owned {
    /// Takes an answer of an hour's token apart.
    #[track_caller]
    pub(crate) fn read(answer: &Answer) -> Self {
        Self::read_for(answer, 60)
    }

    #[track_caller]
    pub(crate) fn read_for(answer: &Answer, minutes: i64) -> Self {
        let mut value = answer.json();
        let user = value.as_object_mut().unwrap().remove("user").unwrap();
        let id = user["communicationUserId"].as_str().unwrap().to_owned();
        assert_eq!(user, json!({ "communicationUserId": id }));
        let token = assert_token(&value, minutes);
        assert_eq!(format!("8:{}", claim(&token, "skypeid")), id, "the token is somebody else's");
        Self { id, token }
    }
}

/// A text in the claims of a token, as the emulator wrote them.
pub(crate) fn claim(token: &str, name: &str) -> String {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice::<Value>(&claims).unwrap()[name].as_str().unwrap().to_owned()
}
