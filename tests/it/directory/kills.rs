//! The process killed at each step of a first call and of a deletion: the next call completes it.

use super::{
    fixture::Fixture,
    relay::{At, Hold},
    service::{Call, DELETE, REVOKE, Service, TOKEN},
};
use crate::process::until;

/// Whether a request is a call to ACS, and not the connection test at start-up.
pub(crate) fn is_call(line: &str) -> bool {
    !line.starts_with("HEAD ")
}

/// Two processes that share a directory. The first is killed repeatedly.
struct Processes {
    fixture: Fixture,
    service: Service,
    other: Service,
}

impl Processes {
    async fn start(fixture: Fixture) -> Self {
        Self { service: fixture.service().await, other: fixture.service().await, fixture }
    }

    async fn kill(&mut self) {
        self.service.kill().await;
    }

    async fn restart(&mut self) {
        self.service = self.fixture.service().await;
    }

    /// Starts a call and kills the process when the call is held. Returns whether it was held before it ended.
    async fn kill_at(&mut self, hold: Hold, authorization: &str, call: Call) -> bool {
        let mut call = self.service.start_call(authorization, call);
        let reached = tokio::select! {
            () = hold.reached(1) => true,
            _ = &mut call => false,
        };
        if reached {
            self.kill().await;
            self.restart().await;
        }
        hold.discard();
        reached
    }

    /// Starts a call and kills the process before its next write, after `hold` if given.
    async fn kill_before_write(&mut self, authorization: &str, call: Call, hold: Option<Hold>) {
        let block = match hold {
            None => {
                let block = self.fixture.store.block_writes();
                drop(self.service.start_call(authorization, call));
                block
            }
            Some(hold) => {
                drop(self.service.start_call(authorization, call));
                hold.reached(1).await;
                let block = self.fixture.store.block_writes();
                hold.release();
                block
            }
        };
        block.wait_for(self.service.id()).await;
        self.kill().await;
        block.discard();
        self.restart().await;
    }

    /// Asserts that both processes issue tokens of one identity, then deletes it. Returns the number of other identities.
    async fn other_identities(&self, authorization: &str) -> usize {
        let issued = self.service.token(authorization).await;
        self.fixture.assert_token(&issued).await;
        let again = self.other.token(authorization).await;
        self.fixture.assert_token(&again).await;
        assert_eq!(again.0, issued.0);
        let (mut existing, _) = self.fixture.identities().await;
        assert!(existing.remove(&issued.0));
        self.service.call(authorization, DELETE).await;
        assert_eq!(self.fixture.identities().await.0, existing, "only the user's identity is deleted");
        existing.len()
    }

    /// Makes the next call, then deletes the user. Returns the number of identities between the two.
    async fn identities_after(&self, authorization: &str, next: Call) -> usize {
        let body = self.service.call(authorization, next.clone()).await;
        let (existing, _) = self.fixture.identities().await;
        if next == TOKEN {
            let [id, token] =
                [&body["user"]["communicationUserId"], &body["token"]].map(|value| value.as_str().unwrap().to_owned());
            assert_eq!(existing.iter().collect::<Vec<_>>(), [&id]);
            self.fixture.assert_token(&(id, token)).await;
        }
        self.service.call(authorization, DELETE).await;
        self.fixture.assert_no_identity().await;
        existing.len()
    }
}

#[tokio::test]
async fn killed_first_call_is_completed_by_the_next_and_leaves_at_most_one_other_identity() {
    for fixture in Fixture::each().await {
        let mut processes = Processes::start(fixture).await;
        let reader = processes.fixture.instance();

        // Before ACS receives the call: no identity was created.
        let user = processes.fixture.sign_in("before request").await;
        let hold = processes.fixture.acs.hold(0, At::Request, is_call);
        assert!(processes.kill_at(hold, &user, TOKEN).await);
        assert_eq!(processes.other_identities(&user).await, 0);

        // After the write: the identity has a record.
        let user = processes.fixture.sign_in("after write").await;
        let records = reader.records().await.len();
        drop(processes.service.start_call(&user, TOKEN));
        until("the new record", async || reader.records().await.len() > records).await;
        processes.kill().await;
        processes.restart().await;
        assert_eq!(processes.other_identities(&user).await, 0);

        // Before the answer arrives: the identity is left.
        let user = processes.fixture.sign_in("before answer").await;
        let hold = processes.fixture.acs.hold(0, At::Answer, is_call);
        assert!(processes.kill_at(hold, &user, TOKEN).await);
        assert_eq!(processes.other_identities(&user).await, 1);

        // Between answer and write: the identity is left, unless the write timed out before and it was deleted.
        let user = processes.fixture.sign_in("before write").await;
        processes.kill_before_write(&user, TOKEN, None).await;
        assert!((1..=2).contains(&processes.other_identities(&user).await));
    }
}

#[tokio::test]
async fn deletion_killed_at_any_call_to_acs_is_completed_by_the_next_call_of_any_kind() {
    for next in [TOKEN, REVOKE, DELETE] {
        for fixture in Fixture::each().await {
            let mut processes = Processes::start(fixture).await;
            let mut kills = 0;
            for at in [At::Request, At::Answer] {
                // A deletion makes two calls; the third hold is not reached.
                for skip in 0..3 {
                    let user = processes.fixture.sign_in(&format!("{at:?} {skip}")).await;
                    let (_, token) = processes.service.token(&user).await;
                    let hold = processes.fixture.acs.hold(skip, at, is_call);
                    kills += usize::from(processes.kill_at(hold, &user, DELETE).await);
                    let identities = processes.identities_after(&user, next.clone()).await;
                    assert_eq!(identities, usize::from(next == TOKEN), "{next:?}");
                    assert_eq!(processes.fixture.status(&token).await, "deleted");
                }
            }
            assert_eq!(kills, 4, "a deletion makes two calls to ACS");
        }
    }
}

#[tokio::test]
async fn deletion_killed_before_a_write_is_completed_by_the_next_call_of_any_kind() {
    for fixture in Fixture::each().await {
        let mut processes = Processes::start(fixture).await;
        for next in [TOKEN, REVOKE, DELETE] {
            // Before the first write: the deletion has no effect.
            let user = processes.fixture.sign_in(&format!("{next:?} first write")).await;
            let issued = processes.service.token(&user).await;
            processes.kill_before_write(&user, DELETE, None).await;
            processes.fixture.assert_token(&issued).await;
            let identities = processes.identities_after(&user, next.clone()).await;
            assert_eq!(identities, usize::from(next != DELETE), "{next:?}");

            // Before the second write: the identity is deleted.
            let user = processes.fixture.sign_in(&format!("{next:?} second write")).await;
            let (_, token) = processes.service.token(&user).await;
            let hold = processes.fixture.acs.hold(0, At::Answer, |line| line.starts_with("DELETE "));
            processes.kill_before_write(&user, DELETE, Some(hold)).await;
            assert_eq!(processes.fixture.status(&token).await, "deleted");
            let identities = processes.identities_after(&user, next.clone()).await;
            assert_eq!(identities, usize::from(next == TOKEN), "{next:?}");
        }
    }
}
