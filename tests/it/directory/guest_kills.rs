//! The process killed at each step of a guest's first use, of the end of a pass and of a sweep: identities held at ACS are
//! those in the records, after the next call.

use std::collections::BTreeSet;

use acs_tokens::guest_pass::GuestPass;
use http::Method;
use serde_json::Value;

use super::{
    concurrency::is_create,
    fixture::{Fixture, Instance},
    kills::is_call,
    relay::{At, Hold},
    service::{Pending, Service},
};
use crate::process::{cli, in_time, until};

/// A process that is killed repeatedly, and an instance that makes passes and reads records.
struct Process {
    fixture: Fixture,
    service: Service,
    instance: Instance,
}

impl Process {
    async fn start(fixture: Fixture) -> Self {
        let instance = fixture.instance().after_sweep().await;
        Self { service: fixture.service().await, instance, fixture }
    }

    async fn restart(&mut self) {
        self.service.kill().await;
        self.service = self.fixture.service().await;
    }

    fn start_use(&self, pass: &GuestPass) -> Pending {
        self.service.start_request(&format!("Bearer {}", pass.expose()), Method::POST, "guests/token")
    }

    fn start_end(&self, pass: &GuestPass) -> Pending {
        self.service.start_request("", Method::DELETE, &format!("guests/{}", pass.id()))
    }

    /// Waits for a call, and repeats it while the directory is unavailable, as callers do.
    async fn answer(&self, call: impl Fn() -> Pending) -> (u16, Value) {
        in_time("the answer", async {
            loop {
                let (status, body) = call().await.unwrap().unwrap();
                if body["code"] != "directory-unavailable" {
                    return (status, body);
                }
            }
        })
        .await
    }

    /// Starts a call and kills the process when the call is held. Returns whether it was held before it ended. Repeats the
    /// call while the directory is unavailable.
    async fn kill_at(&mut self, hold: Hold, call: impl Fn(&Self) -> Pending) -> bool {
        let reached = in_time("the call", async {
            loop {
                let mut call = call(self);
                tokio::select! {
                    () = hold.reached(1) => return true,
                    answer = &mut call => match answer.unwrap() {
                        Some((_, body)) if body["code"] == "directory-unavailable" => {}
                        _ => return false,
                    },
                }
            }
        })
        .await;
        if reached {
            self.restart().await;
        }
        hold.discard();
        reached
    }

    /// Kills the process before the next write of a call, after `hold` if given.
    async fn kill_before_write(&mut self, call: impl Fn(&Self) -> Pending, hold: Option<Hold>) {
        let block = if let Some(hold) = hold {
            drop(call(self));
            hold.reached(1).await;
            let block = self.fixture.store.block_writes();
            hold.release();
            block
        } else {
            let block = self.fixture.store.block_writes();
            drop(call(self));
            block
        };
        block.wait_for(self.service.id()).await;
        self.service.kill().await;
        block.discard();
        self.restart().await;
    }

    /// Uses the pass twice. Asserts that both tokens are those of one identity, which is in the records. Returns the number
    /// of identities at ACS without a record.
    async fn unrecorded_after_use(&self, pass: &GuestPass) -> usize {
        let mut ids = BTreeSet::new();
        for _ in 0..2 {
            let (status, body) = self.answer(|| self.start_use(pass)).await;
            assert_eq!(status, 200, "{body}");
            let [id, token] =
                [&body["user"]["communicationUserId"], &body["token"]].map(|value| value.as_str().unwrap().to_owned());
            self.fixture.assert_token(&(id.clone(), token)).await;
            ids.insert(id);
        }
        assert_eq!(ids.len(), 1);
        let (held, recorded) = (self.fixture.identities().await.0, self.instance.guests().await);
        assert!(recorded.is_superset(&ids) && held.is_superset(&recorded));
        held.len() - recorded.len()
    }

    /// Ends the pass, and asserts that its guest is refused and has no identity left.
    async fn assert_ended(&self, pass: &GuestPass, others: &BTreeSet<String>) {
        assert_eq!(self.answer(|| self.start_end(pass)).await.0, 204);
        let (status, body) = self.answer(|| self.start_use(pass)).await;
        assert_eq!((status, &body["code"]), (403, &Value::from("pass-ended")));
        assert_eq!(&self.fixture.identities().await.0, others);
        assert_eq!(&self.instance.guests().await, others);
    }
}

#[tokio::test]
async fn killed_first_use_is_completed_by_the_next_and_leaves_at_most_one_other_identity() {
    for fixture in Fixture::each().await {
        let mut process = Process::start(fixture).await;
        // Before the claim.
        let pass = process.instance.pass(1, 1);
        process.kill_before_write(|process| process.start_use(&pass), None).await;
        assert_eq!(process.unrecorded_after_use(&pass).await, 0);

        // After the claim, and before ACS receives the call.
        let pass = process.instance.pass(1, 1);
        let hold = process.fixture.acs.hold(0, At::Request, is_call);
        assert!(process.kill_at(hold, |process| process.start_use(&pass)).await);
        assert_eq!(process.unrecorded_after_use(&pass).await, 0);

        // After the write of the identity.
        let pass = process.instance.pass(1, 1);
        let recorded = process.instance.guests().await.len();
        drop(process.start_use(&pass));
        until("the new record", async || process.instance.guests().await.len() > recorded).await;
        process.restart().await;
        assert_eq!(process.unrecorded_after_use(&pass).await, 0);

        // Before the answer of ACS arrives: the identity that ACS created is left.
        let pass = process.instance.pass(1, 1);
        let hold = process.fixture.acs.hold(0, At::Answer, is_call);
        assert!(process.kill_at(hold, |process| process.start_use(&pass)).await);
        assert_eq!(process.unrecorded_after_use(&pass).await, 1);

        // Before the write of the identity: it is left, unless the write timed out before and it was deleted.
        let pass = process.instance.pass(1, 1);
        let hold = process.fixture.acs.hold(0, At::Answer, is_create);
        process.kill_before_write(|process| process.start_use(&pass), Some(hold)).await;
        assert!((1..=2).contains(&process.unrecorded_after_use(&pass).await));
    }
}

#[tokio::test]
async fn killed_end_of_a_pass_is_completed_by_the_next_one() {
    for fixture in Fixture::each().await {
        let mut process = Process::start(fixture).await;
        let others = process.instance.guests().await;
        let mut kills = 0;
        for at in [At::Request, At::Answer] {
            // The end of a use makes two calls; the third hold is not reached.
            for skip in 0..3 {
                let pass = process.instance.pass(1, 1);
                assert_eq!(process.answer(|| process.start_use(&pass)).await.0, 200);
                let hold = process.fixture.acs.hold(skip, at, is_call);
                kills += usize::from(process.kill_at(hold, |process| process.start_end(&pass)).await);
                // No token is issued in between.
                assert_eq!(process.answer(|| process.start_use(&pass)).await.0, 403);
                process.assert_ended(&pass, &others).await;
            }
        }
        assert_eq!(kills, 4);

        // Before the first write: the end has no effect.
        let pass = process.instance.pass(1, 1);
        assert_eq!(process.answer(|| process.start_use(&pass)).await.0, 200);
        process.kill_before_write(|process| process.start_end(&pass), None).await;
        assert_eq!(process.answer(|| process.start_use(&pass)).await.0, 200);
        process.assert_ended(&pass, &others).await;

        // Before the last write: the identity is deleted.
        let pass = process.instance.pass(1, 1);
        assert_eq!(process.answer(|| process.start_use(&pass)).await.0, 200);
        let hold = process.fixture.acs.hold(0, At::Answer, |line| line.starts_with("DELETE "));
        process.kill_before_write(|process| process.start_end(&pass), Some(hold)).await;
        process.assert_ended(&pass, &others).await;
    }
}

#[tokio::test]
async fn killed_sweep_is_completed_by_the_next_one() {
    for fixture in Fixture::each().await {
        let mut process = Process::start(fixture).await;
        let pass = process.instance.pass(1, 1);
        process.instance.guest_token(&pass, None).await;
        for at in [At::Request, At::Answer] {
            // A sweep makes two calls to ACS for an identity.
            for skip in 0..2 {
                process.write_record_that_is_over().await;
                let hold = process.fixture.acs.hold(skip, at, is_sweep);
                process.kill_sweep_at(hold, &pass).await;
                process.assert_swept().await;
            }
        }

        // Before the record is marked.
        process.write_record_that_is_over().await;
        process.kill_before_write(|process| process.start_use(&pass), None).await;
        process.assert_swept().await;

        // Before the record is removed.
        process.write_record_that_is_over().await;
        if let Some(store) = &process.fixture.store.relay {
            let hold = store.hold(0, At::Request, is_removal);
            process.kill_sweep_at(hold, &pass).await;
        } else {
            let hold = process.fixture.acs.hold(0, At::Answer, |line| line.starts_with("DELETE "));
            process.kill_before_write(|process| process.start_use(&pass), Some(hold)).await;
        }
        process.assert_swept().await;
    }
}

/// Whether a request to ACS is one of a sweep.
fn is_sweep(line: &str) -> bool {
    line.starts_with("DELETE ") || line.contains(":revokeAccessTokens")
}

/// Whether a request to a remote store removes a record.
fn is_removal(line: &str) -> bool {
    line.starts_with("DELETE ") || line.contains("?delete") || line.contains("comp=batch")
}

impl Process {
    async fn write_record_that_is_over(&self) {
        self.instance.guest_token(&self.instance.pass(1, -3), None).await;
    }

    /// Makes the call of a guest, which starts a sweep, and kills the process when the sweep is held.
    async fn kill_sweep_at(&mut self, hold: Hold, pass: &GuestPass) {
        drop(self.start_use(pass));
        hold.reached(1).await;
        self.restart().await;
        hold.discard();
    }

    /// Runs `acs-tokens guests sweep`, and asserts that the identities at ACS are those in the records, and none is over.
    async fn assert_swept(&self) {
        let acs = self.fixture.acs.connection_string();
        let settings =
            [&self.fixture.store.environment()[..], &[("COMMUNICATION_SERVICES_CONNECTION_STRING", &*acs)]].concat();
        let (code, stdout, stderr) =
            crate::process::run(cli(&["guests", "sweep", "--output", "json"], &settings)).await;
        assert_eq!(code, 0, "{stdout}{stderr}");
        assert_eq!(self.instance.sweep(&self.fixture.client()).await, []);
        assert_eq!(self.fixture.identities().await.0, self.instance.guests().await);
    }
}
