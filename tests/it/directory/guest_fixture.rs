//! Calls of guests, and their records.

use std::collections::BTreeSet;

use acs_identity::{
    IdentityClient,
    types::{Scope, TokenLifetime, TokenRequest},
};
use acs_tokens::{
    directory::{Error, Issued, RecordEntry, RecordName, SweepOutcome},
    guest_pass::{GuestPass, PassClaims, PassKeys},
};
use futures_util::TryStreamExt as _;
use jiff::{SignedDuration, Timestamp};

use super::fixture::{Instance, retry};
use crate::process::{in_time, pause, until};

impl Instance {
    pub(crate) fn pass_keys(&self) -> PassKeys {
        self.directory.pass_keys()
    }

    /// Creates a pass that expires after this time, or has expired.
    pub(crate) fn pass(&self, uses: u16, hours: i64) -> GuestPass {
        let expires = Timestamp::now() + SignedDuration::from_hours(hours);
        let claims = PassClaims { scopes: vec![Scope::VoipJoin], lifetime: TokenLifetime::MIN, uses, expires };
        self.pass_keys().issue(claims).unwrap()
    }

    pub(crate) async fn guest_token(&self, pass: &GuestPass, guest: Option<&str>) -> Issued {
        retry(|| self.try_guest_token(pass, guest)).await
    }

    pub(crate) async fn try_guest_token(&self, pass: &GuestPass, guest: Option<&str>) -> Result<Issued, Error> {
        let request = TokenRequest::new(vec![Scope::VoipJoin], None).unwrap();
        self.directory.issue_guest_token(pass, guest, &request).await
    }

    /// Does the same, and repeats the call while the store is slow or other calls conflict. Returns the number of repetitions
    /// too.
    pub(crate) async fn guest_answer(&self, pass: &GuestPass, guest: Option<&str>) -> (Result<Issued, Error>, usize) {
        in_time("the answer to a guest", async {
            let mut repetitions = 0;
            loop {
                match self.try_guest_token(pass, guest).await {
                    Err(Error::Store(_) | Error::Contended) => pause().await,
                    answer => return (answer, repetitions),
                }
                repetitions += 1;
            }
        })
        .await
    }

    pub(crate) async fn end(&self, pass: &GuestPass) {
        retry(|| self.directory.end_pass(pass.id())).await;
    }

    /// Sweeps all records that are over.
    pub(crate) async fn sweep(&self, acs: &IdentityClient) -> Vec<SweepOutcome> {
        let names = retry(|| async { Ok(self.admin.over(Timestamp::now()).try_collect::<Vec<_>>().await?) }).await;
        let mut outcomes = Vec::new();
        for name in names {
            outcomes.push(self.sweep_record(acs, name).await);
        }
        outcomes
    }

    pub(crate) async fn sweep_record(&self, acs: &IdentityClient, name: RecordName) -> SweepOutcome {
        retry(|| self.admin.sweep(acs, name)).await
    }

    /// Makes a call of a guest and waits for its sweep, which finds nothing. Later calls of this hour do not sweep.
    pub(crate) async fn after_sweep(self) -> Self {
        self.guest_token(&self.pass(1, 1), None).await;
        until("the end of the sweep", async || self.tasks.is_empty()).await;
        self
    }

    /// Returns the records of guests and passes, over or not.
    pub(crate) async fn guest_records(&self) -> Vec<RecordEntry> {
        retry(|| async {
            let mut entries = Vec::new();
            for name in self.admin.over(Timestamp::MAX).try_collect::<Vec<_>>().await? {
                entries.extend(self.admin.read(name).await?);
            }
            Ok(entries)
        })
        .await
    }

    /// Returns the identities in the records of guests.
    pub(crate) async fn guests(&self) -> BTreeSet<String> {
        let records = self.guest_records().await;
        records.iter().filter_map(|entry| Some(entry.record.identity()?.as_str().to_owned())).collect()
    }
}
