//! What these tests stand on: an emulator behind a relay, instances that share a directory, and a reckoning.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use acs_identity::{
    ConnectionString, IdentityClient,
    types::{IdentityId, Scope, TokenRequest},
};
use acs_tokens::{
    acs_client::AcsSettings,
    directory::{Deed, Directory, DirectorySettings, Error, Issued, Name, Record, UserId, Witness},
};
use futures_util::TryStreamExt as _;
use serde_json::{Value, json};

use super::relay::Relay;
use crate::harness::{
    self,
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
    deeds: Arc<Mutex<Vec<(Deed, IdentityId)>>>,
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        Self::over(harness::emulator().await.0).await
    }

    /// One over the emulator at this address.
    pub(crate) async fn over(emulator: String) -> Self {
        let acs = Relay::to(&emulator).await;
        Self { acs, emulator, http: reqwest::Client::builder().build().unwrap(), deeds: Arc::default() }
    }

    pub(crate) fn client(&self) -> IdentityClient {
        let settings = AcsSettings::from(self.acs.connection_string().parse::<ConnectionString>().unwrap());
        AcsSettings { deadline: LONG, attempt_timeout: LONG, ..settings }.client().unwrap()
    }

    /// An instance of the functions: its own memory, the directory shared.
    pub(crate) fn instance(&self, settings: &DirectorySettings) -> Instance {
        let deeds = Arc::clone(&self.deeds);
        let witness: Witness = Arc::new(move |deed, id: &IdentityId| deeds.lock().unwrap().push((deed, id.clone())));
        Instance { directory: Directory::open(settings, self.client()).unwrap(), witness }
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

    /// The identities that the witness was told of, less those that it was told are deleted.
    pub(crate) fn witnessed(&self) -> BTreeSet<String> {
        let deeds = self.deeds.lock().unwrap();
        let of = |wanted| deeds.iter().filter(move |(deed, _)| *deed == wanted).map(|(_, id)| id.as_str().to_owned());
        let deleted: BTreeSet<String> = of(Deed::Deleted).collect();
        of(Deed::Created).filter(|id| !deleted.contains(id)).collect()
    }
}

/// One of the processes that share a directory, as far as the directory goes.
#[derive(Clone)]
pub(crate) struct Instance {
    pub(crate) directory: Directory,
    witness: Witness,
}

impl Instance {
    /// A token.
    pub(crate) async fn token(&self, user: UserId) -> Issued {
        patiently(|| self.token_at_once(user)).await
    }

    /// A token at the first try, or what came in between.
    pub(crate) async fn token_at_once(&self, user: UserId) -> Result<Issued, Error> {
        self.directory.issue_token(user, &request(), &self.witness).await
    }

    pub(crate) async fn revoke(&self, user: UserId) -> Option<String> {
        let revoked = patiently(|| self.directory.revoke_tokens(user, &self.witness)).await;
        revoked.map(|id| id.as_str().to_owned())
    }

    pub(crate) async fn forget(&self, user: UserId) -> bool {
        patiently(|| self.forget_at_once(user)).await
    }

    pub(crate) async fn forget_at_once(&self, user: UserId) -> Result<bool, Error> {
        self.directory.forget(user, &self.witness).await
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
