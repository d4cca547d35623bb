//! Blocked users: no instance issues tokens to them, whatever else happens at the same time.

use std::time::Duration;

use acs_tokens::directory::{Error, Record, State};
use futures_util::future::join_all;

use super::{
    concurrency::is_create,
    fixture::{Fixture, Instance, alice, user},
    kills::is_call,
    relay::At,
};
use crate::process::in_time;

/// The age at which a cached entry is no longer used.
const MAX_AGE: Duration = Duration::from_secs(60);

const fn blocked(state: State) -> Record {
    Record { state, blocked: true }
}

/// Moves the clock of all instances in this process.
async fn advance(duration: Duration) {
    tokio::time::pause();
    tokio::time::advance(duration).await;
    tokio::time::resume();
}

#[tokio::test]
async fn blocked_user_is_refused_by_every_instance_until_unblocked() {
    for fixture in Fixture::each().await {
        let [one, two, three] = fixture.instances();
        let issued = one.token(alice()).await;
        let (id, bobs) = (issued.id.clone(), one.token(user(2)).await);
        one.block(alice()).await;
        assert_eq!(fixture.status(issued.token.expose()).await, "revoked");
        assert_eq!(two.record(alice()).await, Some(blocked(State::Active(id.clone()))));
        let calls = fixture.acs.count(|_| true);
        for instance in [&one, &two, &three] {
            instance.assert_refused(alice()).await;
        }
        assert_eq!(fixture.acs.count(|_| true), calls, "ACS is not called for a blocked user");
        fixture.assert_issued(&bobs).await;
        assert_eq!(two.token(user(2)).await.id, bobs.id);

        // Another instance unblocks. The user keeps the identity.
        two.unblock(alice()).await;
        for instance in [&one, &two, &three] {
            let issued = instance.token(alice()).await;
            assert_eq!(issued.id, id);
            fixture.assert_issued(&issued).await;
        }
        assert_eq!(one.recorded(alice()).await, id.as_str());
    }
}

#[tokio::test]
async fn instance_with_the_user_cached_refuses_the_user_after_a_minute() {
    for fixture in Fixture::each().await {
        let [one, two] = fixture.instances();
        one.token(alice()).await;
        two.block(alice()).await;
        // This instance read the record before.
        let issued = one.token(alice()).await;
        assert_eq!(fixture.status(issued.token.expose()).await, "valid");

        advance(MAX_AGE).await;
        one.assert_refused(alice()).await;
        // Blocking again revokes what was issued meanwhile.
        two.block(alice()).await;
        assert_eq!(fixture.status(issued.token.expose()).await, "revoked");
        assert_eq!(two.record(alice()).await, Some(blocked(State::Active(issued.id))));
    }
}

#[tokio::test]
async fn instance_that_blocks_a_user_refuses_the_user_while_the_tokens_are_revoked() {
    for fixture in Fixture::each().await {
        let instance = fixture.instance();
        instance.token(alice()).await;
        for at in [At::Request, At::Answer] {
            let hold = fixture.acs.hold(0, at, is_call);
            tokio::join!(instance.block(alice()), async {
                hold.reached(1).await;
                instance.assert_refused(alice()).await;
                hold.release();
            });
            instance.unblock(alice()).await;
            instance.token(alice()).await;
        }
    }
}

#[tokio::test]
async fn cached_user_is_read_again_after_a_minute() {
    for fixture in Fixture::each().await {
        let instance = fixture.instance();
        let id = fixture.token(&instance).await;
        advance(MAX_AGE).await;
        let calls = fixture.store.requests();
        assert_eq!(fixture.token(&instance).await, id);
        assert!(fixture.store.requests() > calls || fixture.store.relay.is_none());
        let hidden = fixture.store.hide();
        assert_eq!(fixture.token(&instance).await, id);
        if hidden {
            advance(MAX_AGE).await;
            // It is unknown whether the user was blocked.
            let error = instance.try_token(alice()).await.unwrap_err();
            assert!(matches!(error, Error::Store(_)), "{error:?}");
            fixture.store.restore();
        }
    }
}

#[tokio::test]
async fn blocking_does_not_wait_for_calls_of_the_user() {
    for fixture in Fixture::each().await {
        let instance = fixture.instance();
        let hold = fixture.acs.hold(0, At::Answer, is_create);
        let (issued, ()) = tokio::join!(instance.try_token(alice()), async {
            hold.reached(1).await;
            in_time("the answer", Box::pin(instance.block(alice()))).await;
            hold.release();
        });
        assert!(matches!(issued, Err(Error::Blocked)), "{issued:?}");
        fixture.assert_no_identity().await;
        instance.assert_refused(alice()).await;
    }
}

#[tokio::test]
async fn user_without_an_identity_is_blocked_and_gets_one_when_unblocked() {
    for fixture in Fixture::each().await {
        let [one, two] = fixture.instances();
        // Unblocking a user who is not blocked creates no record.
        one.unblock(alice()).await;
        assert_eq!(one.record(alice()).await, None);
        for _ in 0..2 {
            one.block(alice()).await;
            assert_eq!(one.record(alice()).await, Some(blocked(State::Deleted)));
            two.assert_refused(alice()).await;
        }
        assert_eq!(fixture.acs.count(|_| true), 0);
        for _ in 0..2 {
            two.unblock(alice()).await;
            assert_eq!(one.record(alice()).await, Some(State::Deleted.into()));
        }
        fixture.token(&one).await;
    }
}

#[tokio::test]
async fn user_blocked_during_the_first_use_gets_no_token_and_leaves_no_identity() {
    for fixture in Fixture::each().await {
        for had_identity in [false, true] {
            let [one, two] = fixture.instances();
            if had_identity {
                // ACS no longer has the identity, so another one is created.
                fixture.token(&one).await;
                fixture.delete_identity().await;
            }
            let hold = fixture.acs.hold(0, At::Answer, is_create);
            let (issued, ()) = tokio::join!(one.try_token(alice()), async {
                hold.reached(1).await;
                two.block(alice()).await;
                hold.release();
            });
            assert!(matches!(issued, Err(Error::Blocked)), "{issued:?}");
            fixture.assert_no_identity().await;
            if !had_identity {
                assert!(fixture.logged_identities().await.is_empty());
            }
            one.assert_refused(alice()).await;
            two.unblock(alice()).await;
            fixture.token(&one).await;
            assert!(one.delete(alice()).await);
        }
    }
}

#[tokio::test]
async fn interrupted_deletion_of_a_blocked_user_is_completed() {
    for complete_by_blocking in [true, false] {
        for fixture in Fixture::each().await {
            let [one, two] = fixture.instances();
            let issued = one.token(alice()).await;
            fixture.fail_next("delete-identity").await;
            one.try_delete(alice()).await.unwrap_err();
            if complete_by_blocking {
                two.block(alice()).await;
            } else {
                // The user is blocked, but the deletion fails again.
                fixture.fail_next("delete-identity").await;
                two.try_block(alice()).await.unwrap_err();
                assert_eq!(one.record(alice()).await, Some(blocked(State::Deleting(issued.id.clone()))));
                two.assert_refused(alice()).await;
                two.repair(alice(), &fixture.client()).await;
            }
            assert_eq!(one.record(alice()).await, Some(blocked(State::Deleted)));
            fixture.assert_no_identity().await;
            two.assert_refused(alice()).await;
            two.unblock(alice()).await;
            assert_ne!(fixture.token(&one).await, issued.id.as_str());
        }
    }
}

#[tokio::test]
async fn user_blocked_during_a_deletion_is_deleted_and_stays_blocked() {
    for fixture in Fixture::each().await {
        let [one, two] = fixture.instances();
        one.token(alice()).await;
        let hold = fixture.acs.hold(0, At::Answer, |line| line.starts_with("DELETE "));
        let (deleted, ()) = tokio::join!(one.try_delete(alice()), async {
            hold.reached(1).await;
            let ((), ()) = tokio::join!(two.block(alice()), hold.release_after(2));
        });
        assert!(deleted.unwrap());
        assert_eq!(one.record(alice()).await, Some(blocked(State::Deleted)));
        fixture.assert_no_identity().await;
        one.assert_refused(alice()).await;
    }
}

#[tokio::test]
async fn failed_revocation_leaves_the_user_blocked_and_is_repeated_by_blocking_again() {
    for fixture in Fixture::each().await {
        let [one, two] = fixture.instances();
        let issued = one.token(alice()).await;
        fixture.fail_next("revoke-tokens").await;
        let error = one.try_block(alice()).await.unwrap_err();
        assert!(matches!(error, Error::Acs(_)), "{error:?}");
        assert_eq!(fixture.status(issued.token.expose()).await, "valid");
        one.assert_refused(alice()).await;
        two.assert_refused(alice()).await;
        two.block(alice()).await;
        assert_eq!(fixture.status(issued.token.expose()).await, "revoked");
    }
}

#[tokio::test]
async fn user_whose_identity_is_missing_from_acs_is_blocked() {
    for fixture in Fixture::each().await {
        let [one, two] = fixture.instances();
        fixture.token(&one).await;
        fixture.delete_identity().await;
        two.block(alice()).await;
        // The instance has the identity cached. ACS says that it is gone, so the record is read.
        one.assert_refused(alice()).await;
        fixture.assert_no_identity().await;
    }
}

impl Instance {
    /// Makes calls of the user of each kind. Returns the tokens.
    async fn calls(self, number: usize) -> Vec<String> {
        match number % 4 {
            0 => drop(self.try_delete(alice()).await),
            1 => drop(self.try_block(alice()).await),
            _ => {
                return self
                    .try_token(alice())
                    .await
                    .map(|issued| issued.token.expose().to_owned())
                    .into_iter()
                    .collect();
            }
        }
        Vec::new()
    }
}

#[tokio::test]
async fn user_who_is_blocked_amid_concurrent_calls_has_no_valid_token_a_minute_later() {
    for fixture in Fixture::each().await {
        let instances = fixture.instances::<3>();
        instances[0].token(alice()).await;
        let calls = join_all((0..60).map(|number| tokio::spawn(instances[number % 3].clone().calls(number))));
        let tokens: Vec<String> = calls.await.into_iter().flat_map(Result::unwrap).collect();
        instances[0].block(alice()).await;
        advance(MAX_AGE).await;
        for instance in &instances {
            instance.assert_refused(alice()).await;
        }
        instances[1].block(alice()).await;
        for token in tokens {
            assert_ne!(fixture.status(&token).await, "valid");
        }
        let known = instances[0].record(alice()).await.unwrap();
        assert!(known.blocked);
        let held = fixture.identities().await.0;
        assert!(held.iter().all(|id| known.identity().is_some_and(|known| known.as_str() == id)), "{known:?} {held:?}");
    }
}
