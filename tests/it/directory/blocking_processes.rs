//! Users blocked by another process, and the process killed at each step of blocking: a repetition completes it.

use serde_json::json;

use super::{
    fixture::{ALICE, Fixture},
    kills::is_call,
    relay::At,
    service::{DELETE, REVOKE, Service, TOKEN},
};
use crate::process::in_time;

impl Service {
    /// Blocks Alice. Returns the status, `None` if the process ended before it answered.
    async fn block(&self, fixture: &Fixture) -> Option<u16> {
        let body = json!({ "issuer": fixture.issuer(), "subject": ALICE });
        self.start_call_of_back_end("users/block", &body).await.unwrap().map(|(status, _)| status)
    }

    /// Asserts that each call of the user is answered with 403 `blocked`.
    async fn assert_refused(&self, authorization: &str) {
        for call in [TOKEN, REVOKE, DELETE] {
            let (status, body) = self.start_call(authorization, call.clone()).await.unwrap().unwrap();
            assert_eq!((status, &body["code"]), (403, &json!("blocked")), "{call:?}");
        }
    }
}

#[tokio::test]
async fn blocking_that_is_killed_between_mark_and_revocation_is_completed_by_repeating_it() {
    for fixture in Fixture::each().await {
        for at in [At::Request, At::Answer] {
            let mut service = fixture.service().await;
            let authorization = fixture.sign_in(ALICE).await;
            let (_, token) = service.token(&authorization).await;
            let hold = fixture.acs.hold(0, at, is_call);
            tokio::select! {
                () = hold.reached(1) => service.kill().await,
                answer = service.block(&fixture) => panic!("{answer:?}"),
            }
            hold.discard();
            // The user is blocked. The tokens are valid if ACS had not received the revocation.
            let other = fixture.service().await;
            other.assert_refused(&authorization).await;
            assert_eq!(fixture.status(&token).await, if at == At::Request { "valid" } else { "revoked" });

            assert_eq!(other.block(&fixture).await, Some(204));
            assert_eq!(fixture.status(&token).await, "revoked");
            other.assert_refused(&authorization).await;
            let body = json!({ "issuer": fixture.issuer(), "subject": ALICE });
            let unblocked = other.start_call_of_back_end("users/unblock", &body).await.unwrap();
            assert_eq!(unblocked.unwrap().0, 204);
            fixture.assert_token(&other.token(&authorization).await).await;
        }
    }
}

#[tokio::test]
async fn blocking_that_is_killed_before_the_mark_has_no_effect_and_can_be_repeated() {
    for fixture in Fixture::each().await {
        let mut service = fixture.service().await;
        let authorization = fixture.sign_in(ALICE).await;
        let issued = service.token(&authorization).await;
        let block = fixture.store.block_writes();
        tokio::select! {
            () = block.wait_for(service.id()) => service.kill().await,
            answer = service.block(&fixture) => panic!("{answer:?}"),
        }
        block.discard();
        let other = fixture.service().await;
        fixture.assert_token(&issued).await;
        assert_eq!(other.block(&fixture).await, Some(204));
        assert_eq!(fixture.status(&issued.1).await, "revoked");
        other.assert_refused(&authorization).await;
    }
}

/// The two processes have read the same state of the record. One of the writes conflicts and is repeated.
#[tokio::test]
async fn write_that_conflicts_with_blocking_is_repeated() {
    for fixture in Fixture::each().await {
        let [one, two] = [fixture.service().await, fixture.service().await];
        let authorization = fixture.sign_in(ALICE).await;
        for call in [TOKEN, DELETE] {
            let block = fixture.store.block_writes();
            let call = one.start_call(&authorization, call);
            block.wait_for(one.id()).await;
            let blocked = async {
                let blocked = two.block(&fixture);
                let mut blocked = std::pin::pin!(blocked);
                tokio::select! {
                    () = block.wait_for(two.id()) => block.release(),
                    answer = &mut blocked => panic!("{answer:?}"),
                }
                blocked.await
            };
            assert_eq!(in_time("the answer", blocked).await, Some(204));
            // Either write may be the first.
            let (status, body) = in_time("the answer", call).await.unwrap().unwrap();
            assert!(matches!(status, 200 | 204 | 403), "{status} {body}");
            if let Some(token) = body["token"].as_str() {
                assert_eq!(fixture.status(token).await, "revoked");
            }
            assert!(fixture.identities().await.0.len() <= 1);
            two.assert_refused(&authorization).await;
            let body = json!({ "issuer": fixture.issuer(), "subject": ALICE });
            assert_eq!(two.start_call_of_back_end("users/unblock", &body).await.unwrap().unwrap().0, 204);
            fixture.assert_token(&two.token(&authorization).await).await;
        }
    }
}
