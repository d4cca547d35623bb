//! Requests of hostile callers, one row for each kind: refused on every host, with the same status and code, and without
//! any effect at ACS.

pub(crate) mod guests;
pub(crate) mod table;

use acs_identity::types::{Scope, TokenLifetime};
use acs_tokens::{
    access::AccessRules,
    auth::{BackendAuth, CallerKey},
    directory::{DirectoryKey, DirectorySettings, StoreLocation},
    guest_pass::{GuestPass, PassClaims},
};
use jiff::{SignedDuration, Timestamp};
use reqwest::RequestBuilder;
use serde_json::Value;

use crate::{
    harness::{Answer, Api, users::TENANT},
    host::{Generation, Keys},
};
use guests::{END, FIRST_USE};
use table::{Credential, Row, rows};

/// The key of back ends.
pub(crate) const KEY: &str = "a-key-of-the-back-end";

/// The key of the user directory, which also signs passes.
pub(crate) const DIRECTORY_KEY: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

/// Resolves the credential of a row to headers. Users sign in at the emulator's test issuer.
pub(crate) struct SignIn<'a> {
    api: &'a Api,
    pass: GuestPass,
    used: GuestPass,
    ended: GuestPass,
    expired: GuestPass,
}

fn pass(key: &DirectoryKey, hours: i64) -> GuestPass {
    let expires = Timestamp::now() + SignedDuration::from_hours(hours);
    let claims = PassClaims { scopes: vec![Scope::VoipJoin], lifetime: TokenLifetime::MIN, uses: 1, expires };
    key.pass_keys().issue(claims).unwrap()
}

impl<'a> SignIn<'a> {
    pub(crate) fn new(api: &'a Api) -> Self {
        let [pass, used, ended, expired] = [1, 1, 1, -1].map(|hours| pass(&DIRECTORY_KEY.parse().unwrap(), hours));
        Self { api, pass, used, ended, expired }
    }

    /// Replaces the placeholders in a path or a query.
    pub(crate) fn fill(&self, text: &str) -> String {
        text.replace("{pass}", &self.pass.expose()).replace("{ended id}", &self.ended.id().to_string())
    }

    /// Returns the headers of the credential.
    pub(crate) async fn headers(&self, credential: &Credential) -> Vec<(String, String)> {
        let key = |key: &str| ("x-functions-key".to_owned(), key.to_owned());
        let bearer = |token: &str| ("authorization".to_owned(), format!("Bearer {token}"));
        match credential {
            Credential::None => Vec::new(),
            Credential::Key => vec![key(KEY)],
            Credential::WrongKey => vec![key("a-key-of-another-back-end")],
            Credential::TwoKeys => vec![key("a-key-of-another-back-end"), key(KEY)],
            Credential::Token(spec) => vec![bearer(&self.token("", spec).await)],
            Credential::EntraToken(spec) => vec![bearer(&self.token(&format!("/{TENANT}/v2.0"), spec).await)],
            Credential::TwoTokens => {
                let (one, other) = (r#"{"claims":{"sub":"alice"}}"#, r#"{"claims":{"sub":"bob"}}"#);
                vec![bearer(&self.token("", one).await), bearer(&self.token("", other).await)]
            }
            Credential::ForgedToken => {
                let token = self.token("", r#"{"claims":{"sub":"alice"}}"#).await;
                let (signed, _) = token.rsplit_once('.').unwrap();
                vec![bearer(&format!("{signed}.AAAA"))]
            }
            Credential::Pass => vec![bearer(&self.pass.expose())],
            Credential::TwoPasses => [&self.pass, &self.used].map(|pass| bearer(&pass.expose())).into(),
            Credential::UsedPass => vec![bearer(&self.used.expose())],
            Credential::EndedPass => vec![bearer(&self.ended.expose())],
            Credential::ExpiredPass => vec![bearer(&self.expired.expose())],
            Credential::ForgedPass => vec![bearer(&format!("{}.{}", self.pass.id(), "A".repeat(43)))],
            Credential::SwappedPass => {
                let signed = self.used.expose();
                vec![bearer(&format!("{}.{}", self.pass.id(), signed.split_once('.').unwrap().1))]
            }
            Credential::PassOfAnotherKey => vec![bearer(&pass(&DirectoryKey::random(), 1).expose())],
            Credential::PassId => vec![bearer(&self.pass.id().to_string())],
        }
    }

    async fn token(&self, issuer: &str, spec: &str) -> String {
        self.api.issuer_token(issuer, serde_json::from_str(spec).unwrap()).await
    }
}

/// The emulator's state that a refused request must not change.
pub(crate) async fn state(api: &Api) -> (Value, u64) {
    (api.control("GET", "state", None).await["identities"].take(), api.upstream_calls().await)
}

/// Builds the request of a row.
async fn request(api: &Api, sign_in: &SignIn<'_>, row: &Row) -> RequestBuilder {
    let query = row.query.map(|query| format!("?{}", sign_in.fill(query))).unwrap_or_default();
    let mut request = api.request(row.method, &(sign_in.fill(row.path) + &query));
    let given = row.headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    for (name, value) in sign_in.headers(&row.credential).await.into_iter().chain(given) {
        request = request.header(name, value);
    }
    match row.body {
        Some(body) => request.body(body.to_owned()),
        None => request,
    }
}

/// Sends each row to a host. `by_host` is the answer that the Functions host gives itself, without the handler.
async fn send_all(api: Api) {
    let sign_in = SignIn::new(&api);
    for row in [FIRST_USE, END] {
        assert_eq!(Answer::of(request(&api, &sign_in, &row).await).await.status, row.status, "{}", row.name);
    }
    // A user whose identity must stay as it is.
    let alice = api.sign_in_as("alice").await;
    let alice_before = api.own_token(&alice).await;
    let mut failures = Vec::new();
    let forwards = api.is_hosted_by(Generation::Forwarding);
    for row in rows().filter(|row| !(forwards && row.is_cut_by_forwarding)) {
        let Row { name, fault, status, code, by_host, .. } = row;
        if let Some(fault) = fault {
            api.control("POST", "faults", Some(serde_json::from_str(fault).unwrap())).await;
        }
        let before = state(&api).await;
        let answer = Answer::of(request(&api, &sign_in, row).await).await;
        let refused = match by_host.filter(|_| api.is_hosted()) {
            Some(status) => (answer.status, &*answer.body) == (status, ""),
            None => is_refusal(&answer, *status, code),
        };
        let after = state(&api).await;
        // A fault stands for an answer to a call.
        if !refused || after.0 != before.0 || fault.is_none() && after.1 != before.1 {
            let effect = if after == before { "without effect" } else { "with an effect at ACS" };
            failures.push(format!("{name}, {effect}: {answer:?}"));
        }
        api.control("DELETE", "faults", None).await;
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert_eq!(api.own_token(&alice).await.id, alice_before.id, "the user keeps the identity");
    assert_eq!(api.token_status(&alice_before.token).await, "valid");
}

/// Returns whether the answer is a problem with this status and code that no cache keeps.
pub(crate) fn is_refusal(answer: &Answer, status: u16, code: &str) -> bool {
    answer.status == status
        && answer.header("content-type") == "application/problem+json"
        && answer.header("cache-control") == "no-store"
        && answer.problem()["code"] == code
}

#[tokio::test]
async fn rows_are_refused_directly() {
    let keys = BackendAuth::Keys(vec![CallerKey { name: "web".to_owned(), key: KEY.to_owned().into() }]);
    let directory = DirectorySettings::at(StoreLocation::Memory, DIRECTORY_KEY.parse().unwrap());
    send_all(Api::with_issuers(keys, |_| (), Some(&directory), AccessRules::default()).await).await;
}

#[tokio::test]
async fn rows_are_refused_behind_a_proxying_host() {
    send_all(hosted(Generation::Proxying).await).await;
}

#[tokio::test]
async fn rows_are_refused_behind_a_forwarding_host() {
    send_all(hosted(Generation::Forwarding).await).await;
}

async fn hosted(generation: Generation) -> Api {
    let keys = Keys { host: vec![KEY.to_owned()], ..Keys::default() };
    Api::hosted_with_users_and(generation, Some(keys), &[("USER_DIRECTORY_KEY", DIRECTORY_KEY)]).await
}
