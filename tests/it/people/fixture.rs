//! What these tests stand on: an emulator behind a relay, instances that share a directory, and a reckoning.

use std::{collections::BTreeSet, time::Duration};

use acs_tokens::{
    acs::{
        Client, ClientOptions,
        connection_string::ConnectionString,
        hash::short_hash,
        types::{Scope, TokenRequest},
    },
    directory::{Directory, DirectorySettings, Error, Issued, Name, Record, UserId},
};
use futures_util::TryStreamExt as _;
use serde_json::{Value, json};

use super::relay::Relay;
use crate::harness::{
    self, identity_log,
    people::{AUDIENCE, claim},
};

/// Longer than any machine needs: nothing here may end because a machine is slow.
const LONG: Duration = Duration::from_secs(600);

/// A user like any other.
pub(crate) fn alice() -> UserId {
    user(1)
}

pub(crate) fn user(number: u8) -> UserId {
    UserId::from([number; 32])
}

pub(crate) fn request() -> TokenRequest {
    TokenRequest::new(vec![Scope::Chat, Scope::Voip], None).unwrap()
}

/// ACS, as the emulator plays it, behind a relay; and what was done there in whose name.
pub(crate) struct Fixture {
    pub(crate) acs: Relay,
    emulator: String,
    http: reqwest::Client,
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        Self::over(harness::emulator().await.0).await
    }

    /// One over the emulator at this address.
    pub(crate) async fn over(emulator: String) -> Self {
        identity_log::start();
        let acs = Relay::to(&emulator).await;
        Self { acs, emulator, http: reqwest::Client::builder().build().unwrap() }
    }

    pub(crate) fn client(&self) -> Client {
        let settings = self.acs.connection_string().parse::<ConnectionString>().unwrap().into();
        Client::new(ClientOptions { deadline: LONG, try_timeout: LONG, ..settings }).unwrap()
    }

    /// An instance of the functions: its own memory, the directory shared.
    pub(crate) fn instance(&self, settings: &DirectorySettings) -> Instance {
        Instance { directory: Directory::open(settings, self.client()).unwrap() }
    }

    /// The emulator's test issuer.
    pub(crate) fn issuer(&self) -> String {
        format!("{}/_emulator/oidc", self.emulator)
    }

    /// Signs somebody in: the value of `Authorization`.
    pub(crate) async fn sign_in(&self, name: &str) -> String {
        let claims = json!({ "claims": { "aud": AUDIENCE, "sub": name } });
        format!("Bearer {}", self.control("POST", "oidc/tokens", &claims).await["token"].as_str().unwrap())
    }

    pub(crate) async fn control(&self, method: &str, path: &str, body: &Value) -> Value {
        let url = format!("{}/_emulator/{path}", self.emulator);
        let request = self.http.request(method.parse().unwrap(), url).header("content-type", "application/json");
        let response = request.body(body.to_string()).send().await.unwrap();
        let (status, body) = (response.status(), response.text().await.unwrap());
        assert!(status.is_success(), "{status} {body}");
        serde_json::from_str(&body).unwrap_or_default()
    }

    /// Waits until ACS was called so often.
    pub(crate) async fn called(&self, operation: &str, times: u64) {
        while self.control("GET", "calls", &Value::Null).await[operation]["received"].as_u64().unwrap_or(0) < times {
            tokio::task::yield_now().await;
        }
    }

    /// The identities there are, and how many there were.
    pub(crate) async fn identities(&self) -> (BTreeSet<String>, usize) {
        let state = self.control("GET", "state", &Value::Null).await;
        let all = state["identities"].as_array().unwrap();
        let alive = all.iter().filter(|identity| identity["deletedAt"].is_null());
        (alive.map(|identity| identity["id"].as_str().unwrap().to_owned()).collect(), all.len())
    }

    /// The one identity there is.
    pub(crate) async fn only_identity(&self) -> String {
        let (alive, _) = self.identities().await;
        assert_eq!(alive.len(), 1, "{alive:?}");
        alive.into_iter().next().unwrap()
    }

    /// What has become of a token.
    pub(crate) async fn status(&self, token: &str) -> String {
        let answer = self.control("POST", "tokens/check", &json!({ "token": token })).await;
        answer["status"].as_str().unwrap().to_owned()
    }

    /// Checks that a token is good, and for this identity.
    pub(crate) async fn assert_token(&self, token: &str, id: &str) {
        assert_eq!(self.status(token).await, "valid");
        assert_eq!(id, format!("8:{}", claim(token, "skypeid")));
    }

    pub(crate) async fn assert_good(&self, issued: &Issued) {
        self.assert_token(issued.token.expose(), issued.id.as_str()).await;
    }

    /// The identities that were logged as created, but not as deleted.
    pub(crate) async fn logged(&self) -> BTreeSet<String> {
        let state = self.control("GET", "state", &Value::Null).await;
        let ids = state["identities"].as_array().unwrap().iter().map(|identity| identity["id"].as_str().unwrap());
        let is_logged = |id: &&str| identity_log::last_action(&short_hash(id)).as_deref() == Some("create-identity");
        ids.filter(is_logged).map(str::to_owned).collect()
    }
}

/// One of the processes that share a directory, as far as the directory goes.
#[derive(Clone)]
pub(crate) struct Instance {
    pub(crate) directory: Directory,
}

impl Instance {
    /// A token.
    pub(crate) async fn token(&self, user: UserId) -> Issued {
        patiently(|| self.token_at_once(user)).await
    }

    /// A token at the first try, or what came in between.
    pub(crate) async fn token_at_once(&self, user: UserId) -> Result<Issued, Error> {
        self.directory.issue_token(user, &request()).await
    }

    pub(crate) async fn revoke(&self, user: UserId) -> Option<String> {
        let revoked = patiently(|| self.directory.revoke_tokens(user)).await;
        revoked.map(|id| id.as_str().to_owned())
    }

    pub(crate) async fn forget(&self, user: UserId) -> bool {
        patiently(|| self.forget_at_once(user)).await
    }

    pub(crate) async fn forget_at_once(&self, user: UserId) -> Result<bool, Error> {
        self.directory.forget(user).await
    }

    /// All that is in the directory.
    pub(crate) async fn records(&self) -> Vec<(Name, Record)> {
        let keeper = self.directory.keeper();
        patiently(|| async {
            let mut records = Vec::new();
            for entry in keeper.entries().try_collect::<Vec<_>>().await? {
                records.extend(keeper.record(entry.name).await?.map(|record| (entry.name, record)));
            }
            Ok(records)
        })
        .await
    }

    /// The identity that the directory has for a user; empty if it was forgotten.
    pub(crate) async fn recorded(&self, user: UserId) -> Option<String> {
        let keeper = self.directory.keeper();
        match patiently(|| async { Ok(keeper.record(keeper.name(user)).await?) }).await {
            Some(Record::Identity(id)) => Some(id.as_str().to_owned()),
            Some(Record::Leaving(_)) => panic!("somebody has begun to leave"),
            Some(Record::Forgotten) => Some(String::new()),
            None => None,
        }
    }
}

/// Asks again where the store took too long or others were in the way, as callers do.
async fn patiently<T, F>(ask: impl Fn() -> F) -> T
where
    F: Future<Output = Result<T, Error>>,
{
    loop {
        match ask().await {
            Err(Error::Store(_) | Error::Contended) => tokio::task::yield_now().await,
            answer => return answer.unwrap(),
        }
    }
}
