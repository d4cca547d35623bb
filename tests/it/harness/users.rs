//! Users who sign in at the emulator's test issuer, and functions that accept their tokens.

use acs_identity::ConnectionString;
use acs_tokens::{
    access::{
        AccessRules,
        rate_limits::{RateLimits, Rates},
    },
    acs_client::AcsSettings,
    auth::{
        Authenticator, BackendAuth, Bearer, TrustedIssuer,
        bearer::{DEFAULT_MANAGE_ROLE, Issuer},
    },
    directory::DirectorySettings,
    functions::Services,
    http::Api as ServiceApi,
    server::{self, Limits},
};
use axum::Router;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{Answer, Api, assert_token, emulator};
use crate::host::{Generation, Keys};

/// The audience of the functions at the issuer.
pub(crate) const AUDIENCE: &str = "api://acs-tokens";

/// The id of the functions' application in Entra, which is also that of the page that users sign in to.
pub(crate) const CLIENT: &str = "2c3e1e83-8fd7-4615-ad2b-b8c1229845ac";

/// The Entra tenant whose users may sign in.
pub(crate) const TENANT: &str = "11111111-2222-4333-8444-555555555555";

/// A policy with one role. Users without the role have the default.
const POLICY: &str = r#"{"roles":{"host":{"scopes":["chat","voip"],"maxMinutes":1440}}}"#;

/// Trusts the emulator's issuer, and the same issuer as that of the tenant. Applications of both may be back ends.
pub(crate) fn trusted_issuers(emulator: &str) -> Vec<TrustedIssuer> {
    let names = [format!("{emulator}/_emulator/oidc"), format!("{emulator}/_emulator/oidc/{TENANT}/v2.0")];
    let trust = |name: String| TrustedIssuer {
        manage_role: Some(DEFAULT_MANAGE_ROLE.to_owned()),
        ..TrustedIssuer::new(Issuer::new(&name, None).unwrap(), [AUDIENCE, CLIENT])
    };
    names.map(trust).into()
}

impl Api {
    /// Serves the router for users who sign in, without authentication of back ends and without rate limits.
    pub(crate) async fn direct_with_users() -> Self {
        let rate_limits = RateLimits::new(Rates { users: None, keys: None, passes: None, guests: None });
        let rules = AccessRules { policy: POLICY.parse().unwrap(), rate_limits };
        Self::with_users(Some(&DirectorySettings::in_memory()), rules).await
    }

    /// Does the same with access rules, and optionally without a directory.
    pub(crate) async fn with_users(directory: Option<&DirectorySettings>, rules: AccessRules) -> Self {
        Self::with_issuers(BackendAuth::Anyone, |_| (), directory, rules).await
    }

    /// Serves the router with changed issuers.
    pub(crate) async fn with_issuers(
        backend_auth: BackendAuth,
        change: impl FnOnce(&mut Vec<TrustedIssuer>),
        directory: Option<&DirectorySettings>,
        rules: AccessRules,
    ) -> Self {
        let (emulator, connection_string) = emulator().await;
        let acs = AcsSettings::from(connection_string.parse::<ConnectionString>().unwrap()).client().unwrap();
        let mut issuers = trusted_issuers(&emulator);
        change(&mut issuers);
        let authenticator = Authenticator { backend_auth, bearer: Some(Bearer::new(issuers).unwrap()) };
        let services = Services::open(acs, directory).unwrap();
        let app = ServiceApi { services, authenticator, access: rules, cors: None };
        Self::serving(emulator, app.into_router()).await
    }

    /// Serves a router that uses an emulator.
    pub(super) async fn serving(emulator: String, app: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(server::run(listener, app, Limits::default(), std::future::pending()));
        Self { base, emulator, http: super::client(), host: None }
    }

    /// Starts the real `handler` behind the stand-in host, with the same settings.
    pub(crate) async fn hosted_with_users(generation: Generation) -> Self {
        Self::hosted_with_users_and(generation, None, &[]).await
    }

    /// Does the same with function keys and more settings.
    pub(crate) async fn hosted_with_users_and(
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
            ("RATE_LIMIT_PASSES", "none"),
            ("RATE_LIMIT_GUESTS", "none"),
            ("USER_DIRECTORY", "memory:"),
        ];
        Self::hosted_at(emulator, generation, keys, &[&settings, more].concat()).await
    }

    /// Returns the test issuer, as in the claim `iss` of the tokens.
    pub(crate) fn issuer(&self) -> String {
        format!("{}/_emulator/oidc", self.emulator)
    }

    /// Signs in a user with these claims and returns the value of `Authorization`.
    pub(crate) async fn sign_in(&self, claims: Value) -> String {
        format!("Bearer {}", self.issuer_token("", json!({ "claims": claims })).await)
    }

    /// Does the same for a user of the tenant.
    pub(crate) async fn sign_in_by_entra(&self, claims: Value) -> String {
        format!("Bearer {}", self.issuer_token(&format!("/{TENANT}/v2.0"), json!({ "claims": claims })).await)
    }

    /// Returns a token of the test issuer, by default for the functions. `issuer` is a path below the issuer's.
    pub(crate) async fn issuer_token(&self, issuer: &str, mut spec: Value) -> String {
        let mut claims = json!({ "aud": AUDIENCE });
        claims.as_object_mut().unwrap().extend(spec["claims"].as_object().cloned().unwrap_or_default());
        spec["claims"] = claims;
        let answer = self.control("POST", &format!("oidc{issuer}/tokens"), Some(spec)).await;
        answer["token"].as_str().unwrap().to_owned()
    }

    /// Signs in a user who has only a name.
    pub(crate) async fn sign_in_as(&self, name: &str) -> String {
        self.sign_in(json!({ "sub": name })).await
    }

    /// Builds a request with the user's token.
    pub(crate) fn of(&self, user: &str, method: &str, path: &str) -> RequestBuilder {
        self.request(method, path).header("authorization", user)
    }

    /// Posts JSON with the user's token.
    pub(crate) async fn post_of(&self, user: &str, path: &str, body: &str) -> Answer {
        let request = self.of(user, "POST", path).header("content-type", "application/json");
        Answer::of(request.body(body.to_owned())).await
    }

    /// Gets the user's own ACS token and identity.
    pub(crate) async fn own_token(&self, user: &str) -> Owned {
        let answer = self.post_of(user, "/api/me/token", "{}").await;
        answer.assert_ok(200);
        Owned::read(&answer)
    }

    /// Returns the emulator's state of an identity.
    pub(crate) async fn identity(&self, id: &str) -> Value {
        let state = self.control("GET", "state", None).await;
        let found = state["identities"].as_array().unwrap().iter().find(|identity| identity["id"] == id);
        found.unwrap_or_else(|| panic!("no identity {id}")).clone()
    }

    /// Returns the number of identities ever created.
    pub(crate) async fn identities(&self) -> usize {
        self.control("GET", "state", None).await["identities"].as_array().unwrap().len()
    }
}

/// A user's ACS token and identity.
pub(crate) struct Owned {
    pub(crate) id: String,
    pub(crate) token: String,
}

impl Owned {
    /// Reads them from a response. Asserts a lifetime of an hour.
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
        assert_eq!(format!("8:{}", claim(&token, "skypeid")), id, "the token is another user's");
        Self { id, token }
    }
}

/// Returns a string claim of the emulator's token.
pub(crate) fn claim(token: &str, name: &str) -> String {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice::<Value>(&claims).unwrap()[name].as_str().unwrap().to_owned()
}
