//! An emulator behind a relay, an empty store, and instances of the directory that share both.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use acs_identity::{
    ConnectionString, IdentityClient,
    http::client_builder,
    types::{Scope, TokenRequest},
};
use acs_tokens::{
    acs_client::AcsSettings,
    directory::{
        Directory, DirectoryAdmin, DirectoryKey, DirectorySettings, Error, Issued, Record, RecordEntry, RecordName,
        State, UserId,
    },
    short_hash::short_hash,
};
use futures_util::TryStreamExt as _;
use serde_json::{Value, json};
use tokio_util::task::TaskTracker;

use super::{relay::Relay, store::TestStore};
use crate::{
    harness::{
        self, log,
        users::{AUDIENCE, claim},
    },
    process::{in_time, pause, until},
};

/// The limit of each wait, far longer than a slow machine needs.
const TIMEOUT: Duration = Duration::from_secs(120);

pub(crate) const ALICE: &str = "alice@contoso.com";

pub(crate) fn alice() -> UserId {
    user(1)
}

pub(crate) fn user(number: u8) -> UserId {
    UserId::from([number; 32])
}

pub(crate) struct Fixture {
    pub(crate) store: Arc<TestStore>,
    pub(crate) acs: Relay,
    emulator: String,
    http: reqwest::Client,
}

impl Fixture {
    /// Returns a fixture for each kind of store.
    pub(crate) async fn each() -> Vec<Self> {
        let mut fixtures = Vec::new();
        for store in TestStore::each().await {
            fixtures.push(Self::new(Arc::new(store), harness::emulator().await.0).await);
        }
        fixtures
    }

    pub(crate) async fn new(store: Arc<TestStore>, emulator: String) -> Self {
        log::subscribe();
        let http = client_builder().no_proxy().build().unwrap();
        Self { store, acs: Relay::to(&emulator).await, emulator, http }
    }

    pub(crate) fn client(&self) -> IdentityClient {
        let settings = AcsSettings::from(self.acs.connection_string().parse::<ConnectionString>().unwrap());
        AcsSettings { deadline: TIMEOUT, attempt_timeout: TIMEOUT, ..settings }.client().unwrap()
    }

    /// Opens the directory as a new process does: with an empty cache.
    pub(crate) fn instance(&self) -> Instance {
        self.instance_of(&self.store.settings)
    }

    /// Opens the directory with other settings.
    pub(crate) fn instance_of(&self, settings: &DirectorySettings) -> Instance {
        let tasks = TaskTracker::new();
        Instance {
            directory: Directory::open(settings, self.client(), tasks.clone()).unwrap(),
            tasks,
            admin: Arc::new(DirectoryAdmin::open(settings).unwrap()),
            key: settings.key.clone(),
        }
    }

    pub(crate) fn instances<const N: usize>(&self) -> [Instance; N] {
        [(); N].map(|()| self.instance())
    }

    /// The emulator's test issuer.
    pub(crate) fn issuer(&self) -> String {
        format!("{}/_emulator/oidc", self.emulator)
    }

    /// Signs in a user and returns the value of `Authorization`.
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

    /// Waits until ACS has received this many calls of an operation.
    pub(crate) async fn called(&self, operation: &str, times: u64) {
        until("the records of the store", async || {
            self.control("GET", "calls", &Value::Null).await[operation]["received"].as_u64() >= Some(times)
        })
        .await;
    }

    /// Returns the existing identities, and the number of identities ever created.
    pub(crate) async fn identities(&self) -> (BTreeSet<String>, usize) {
        let state = self.control("GET", "state", &Value::Null).await;
        let all = state["identities"].as_array().unwrap();
        let existing = all.iter().filter(|identity| identity["deletedAt"].is_null());
        (existing.map(|identity| identity["id"].as_str().unwrap().to_owned()).collect(), all.len())
    }

    pub(crate) async fn assert_no_identity(&self) {
        assert_eq!(self.identities().await.0, BTreeSet::new());
    }

    /// Returns the only existing identity.
    pub(crate) async fn only_identity(&self) -> String {
        let (mut existing, _) = self.identities().await;
        assert_eq!(existing.len(), 1, "{existing:?}");
        existing.pop_first().unwrap()
    }

    /// Returns the emulator's verdict on a token: `valid`, `revoked` or `deleted`.
    pub(crate) async fn status(&self, token: &str) -> String {
        let answer = self.control("POST", "tokens/check", &json!({ "token": token })).await;
        answer["status"].as_str().unwrap().to_owned()
    }

    /// Asserts that a token is valid and belongs to this identity.
    pub(crate) async fn assert_token(&self, (id, token): &(String, String)) {
        assert_eq!(self.status(token).await, "valid");
        assert_eq!(*id, format!("8:{}", claim(token, "skypeid")));
    }

    pub(crate) async fn assert_issued(&self, issued: &Issued) {
        self.assert_token(&(issued.id.as_str().to_owned(), issued.token.expose().to_owned())).await;
    }

    /// Issues a token for Alice. Asserts that it is valid for the only identity, and returns that.
    pub(crate) async fn token(&self, instance: &Instance) -> String {
        let issued = instance.token(alice()).await;
        self.assert_issued(&issued).await;
        assert_eq!(issued.id.as_str(), self.only_identity().await);
        issued.id.as_str().to_owned()
    }

    /// Returns the identities that were logged as created, but not as deleted.
    pub(crate) async fn logged_identities(&self) -> BTreeSet<String> {
        let state = self.control("GET", "state", &Value::Null).await;
        let ids = state["identities"].as_array().unwrap().iter().map(|identity| identity["id"].as_str().unwrap());
        let is_logged = |id: &&str| log::last_action(&short_hash(id)).as_deref() == Some("create-identity");
        ids.filter(is_logged).map(str::to_owned).collect()
    }
}

/// The directory as one process has it.
#[derive(Clone)]
pub(crate) struct Instance {
    pub(super) directory: Directory,
    pub(super) tasks: TaskTracker,
    pub(super) admin: Arc<DirectoryAdmin>,
    key: DirectoryKey,
}

impl Instance {
    pub(crate) async fn token(&self, user: UserId) -> Issued {
        retry(|| self.try_token(user)).await
    }

    pub(crate) async fn try_token(&self, user: UserId) -> Result<Issued, Error> {
        let request = TokenRequest::new(vec![Scope::Chat, Scope::Voip], None).unwrap();
        self.directory.issue_token(user, &request).await
    }

    pub(crate) async fn revoke(&self, user: UserId) -> Option<String> {
        let revoked = retry(|| self.directory.revoke_tokens(user)).await;
        revoked.map(|id| id.as_str().to_owned())
    }

    pub(crate) async fn delete(&self, user: UserId) -> bool {
        retry(|| self.try_delete(user)).await
    }

    pub(crate) async fn try_delete(&self, user: UserId) -> Result<bool, Error> {
        self.directory.delete_user(user).await
    }

    pub(crate) async fn block(&self, user: UserId) {
        retry(|| self.try_block(user)).await;
    }

    pub(crate) async fn try_block(&self, user: UserId) -> Result<(), Error> {
        self.directory.block_user(user).await
    }

    pub(crate) async fn unblock(&self, user: UserId) {
        retry(|| self.directory.unblock_user(user)).await;
    }

    pub(crate) async fn repair(&self, user: UserId, acs: &IdentityClient) {
        let name = RecordName::new(&self.key, user);
        retry(|| self.admin.repair(acs, name, true)).await;
    }

    /// Asserts that no call of the user is accepted.
    pub(crate) async fn assert_refused(&self, user: UserId) {
        for refused in [
            self.try_token(user).await.map(drop),
            self.directory.revoke_tokens(user).await.map(drop),
            self.try_delete(user).await.map(drop),
            self.directory.check_not_blocked(user).await,
        ] {
            assert!(matches!(refused, Err(Error::Blocked)), "{refused:?}");
        }
    }

    /// Returns all records.
    pub(crate) async fn records(&self) -> Vec<RecordEntry> {
        retry(|| async {
            let mut entries = Vec::new();
            for name in self.admin.names().try_collect::<Vec<_>>().await? {
                entries.extend(self.admin.read(name).await?);
            }
            Ok(entries)
        })
        .await
    }

    pub(crate) async fn record(&self, user: UserId) -> Option<Record> {
        let name = RecordName::new(&self.key, user);
        retry(|| async { Ok(self.admin.read(name).await?) }).await.map(|entry| entry.record)
    }

    /// Returns the identity in a user's record, which is active.
    pub(crate) async fn recorded(&self, user: UserId) -> String {
        match self.record(user).await {
            Some(Record { state: State::Active(id), blocked: false }) => id.as_str().to_owned(),
            record => panic!("{record:?}"),
        }
    }
}

/// Repeats a call while the store is slow or other calls conflict, as callers do.
pub(super) async fn retry<T, F: Future<Output = Result<T, Error>>>(call: impl Fn() -> F) -> T {
    in_time("an answer of the directory", async {
        loop {
            match call().await {
                Err(Error::Store(_) | Error::Contended) => pause().await,
                answer => return answer.unwrap(),
            }
        }
    })
    .await
}
