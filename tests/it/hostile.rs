//! Requests of hostile callers, one row for each kind: refused on every host, with the same status and code, and without
//! any effect at ACS.

pub(crate) mod table;

use acs_tokens::{
    access::AccessRules,
    auth::{BackendAuth, CallerKey},
    directory::DirectorySettings,
};
use serde_json::Value;

use crate::{
    harness::{Answer, Api, users::TENANT},
    host::{Generation, Keys},
};
use table::{Credential, ROWS, Row};

/// The key of back ends.
pub(crate) const KEY: &str = "a-key-of-the-back-end";

/// Signs in at the emulator's test issuer: resolves the credential of a row to headers.
pub(crate) struct SignIn<'a>(pub(crate) &'a Api);

impl SignIn<'_> {
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
        }
    }

    async fn token(&self, issuer: &str, spec: &str) -> String {
        self.0.issuer_token(issuer, serde_json::from_str(spec).unwrap()).await
    }
}

/// The emulator's state that a refused request must not change.
pub(crate) async fn state(api: &Api) -> (Value, u64) {
    (api.control("GET", "state", None).await["identities"].take(), api.upstream_calls().await)
}

/// Sends each row to a host. `by_host` is the answer that the Functions host gives itself, without the handler.
async fn send_all(api: Api) {
    let sign_in = SignIn(&api);
    // A user whose identity must stay as it is.
    let alice = api.sign_in_as("alice").await;
    let alice_before = api.own_token(&alice).await;
    let mut failures = Vec::new();
    let forwards = api.is_hosted_by(Generation::Forwarding);
    for row in ROWS.iter().filter(|row| !(forwards && row.is_cut_by_forwarding)) {
        let Row { name, method, path, credential, headers, body, fault, status, code, by_host, .. } = row;
        if let Some(fault) = fault {
            api.control("POST", "faults", Some(serde_json::from_str(fault).unwrap())).await;
        }
        let before = state(&api).await;
        let mut request = api.request(method, path);
        let credential = sign_in.headers(credential).await;
        let given = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        for (name, value) in credential.into_iter().chain(given) {
            request = request.header(name, value);
        }
        if let Some(body) = body {
            request = request.body((*body).to_owned());
        }
        let answer = Answer::of(request).await;
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
    let directory = DirectorySettings::in_memory();
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
    Api::hosted_with_users_and(generation, Some(keys), &[]).await
}
