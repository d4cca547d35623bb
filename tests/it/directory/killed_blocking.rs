//! The process killed at each step of blocking a user: a repetition completes it.

use serde_json::json;

use super::{
    fixture::{ALICE, Fixture},
    kills::is_call,
    relay::At,
    service::{DELETE, REVOKE, Service, TOKEN},
};

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
