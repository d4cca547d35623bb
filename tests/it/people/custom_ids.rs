//! Custom ids, which ACS does not keep apart: of identities made at once one is left, and nobody holds a token of another.

use std::collections::BTreeSet;

use acs_tokens::directory::Issued;
use serde_json::json;

use super::{
    crowd::{CALLS, calls, is_create, owners},
    fixture::{Fixture, Instance, alice},
    location::Location,
    relay::At,
};

/// Makes so many first calls at ACS find nobody before each makes an identity.
async fn race(fixture: &Fixture, calls: usize) {
    fixture.control("PUT", "settings", &json!({ "customIdRaceCalls": calls })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_race_one_identity_is_made() {
    let (location, fixture) = (Location::custom_ids(), Fixture::new().await);
    let instances = [(); 2].map(|()| fixture.instance(&location.settings));
    let tokens = calls(&instances, &[alice()], CALLS).await;
    let only = BTreeSet::from([fixture.only_identity().await]);
    assert_eq!(owners(&fixture, &tokens).await, only);
    assert_eq!(fixture.witnessed(), only);
    assert_eq!(fixture.identities().await.1, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_as_many_identities_as_instances_one_is_left() {
    for racing in [2, 3, 5] {
        let (location, fixture) = (Location::custom_ids(), Fixture::new().await);
        let instances: Vec<Instance> = (0..racing).map(|_| fixture.instance(&location.settings)).collect();
        race(&fixture, racing).await;
        let tokens = calls(&instances, &[alice()], CALLS).await;
        let only = BTreeSet::from([fixture.only_identity().await]);
        assert_eq!(owners(&fixture, &tokens).await, only);
        assert_eq!(fixture.witnessed(), only);
        assert!(fixture.identities().await.1 >= racing, "there was no race");
    }
}

/// Checks that a token is good and its identity the only one there is, as the other instances and the next ones find.
async fn assert_settled(fixture: &Fixture, location: &Location, tokens: &[Issued]) {
    let only = BTreeSet::from([fixture.only_identity().await]);
    assert_eq!(owners(fixture, tokens).await, only);
    let next = fixture.instance(&location.settings).token(alice()).await;
    assert_eq!(owners(fixture, &[next]).await, only);
}

#[tokio::test]
async fn a_second_one_made_when_the_first_has_a_token_is_taken_back() {
    // A slow machine may need a longer time to get the first token within it.
    for ms in (8..15).map(|n| 1 << n) {
        let (location, fixture) = (Location::custom_ids(), Fixture::new().await);
        let (one, two) = (fixture.instance(&location.settings), fixture.instance(&location.settings));
        fixture.control("PUT", "settings", &json!({ "customIdRaceMs": ms })).await;
        let late = tokio::spawn(async move { two.token(alice()).await });
        fixture.called("create-identity", 1).await;
        fixture.control("PUT", "settings", &json!({})).await;
        let first = one.token(alice()).await;
        let made_before = fixture.identities().await.1;
        let second = late.await.unwrap();
        assert_settled(&fixture, &location, &[first, second]).await;
        if (made_before, fixture.identities().await.1) == (1, 2) {
            return;
        }
    }
    panic!("the second one always came first");
}

/// An identity without a token is there, as after a revocation by somebody who never came. Two find it, and it is
/// deleted. Then each makes one.
#[tokio::test]
async fn an_identity_deleted_between_two_looks_is_replaced_by_one() {
    let (location, fixture) = (Location::custom_ids(), Fixture::new().await);
    assert_eq!(fixture.instance(&location.settings).revoke(alice()).await, None);
    let found = fixture.only_identity().await.parse().unwrap();
    let relays = [fixture.relay().await, fixture.relay().await];
    let holds = [&relays[0], &relays[1]].map(|relay| relay.hold(At::Answer, is_create));
    let [one, two] = [&relays[0], &relays[1]].map(|relay| fixture.instance_by(relay, &location.settings));
    let meanwhile = async {
        for hold in &holds {
            hold.reached(1).await;
        }
        fixture.client().delete_identity(&found).await.unwrap();
        race(&fixture, 2).await;
        for hold in &holds {
            hold.let_go();
        }
    };
    let (one, two, ()) = tokio::join!(one.token(alice()), two.token(alice()), meanwhile);
    assert_settled(&fixture, &location, &[one, two]).await;
    assert!(fixture.identities().await.1 >= 3, "there was no race");
}

/// One is held up when it is about to delete its own; meanwhile the other has deleted its own and takes this one.
#[tokio::test]
async fn who_is_held_up_looks_again_before_giving_way() {
    let (location, fixture) = (Location::custom_ids(), Fixture::new().await);
    let (slow, quick) = (fixture.relay().await, fixture.relay().await);
    let hold = slow.hold(At::Answer, |line| line.starts_with("GET /identities/"));
    let [one, two] = [&slow, &quick].map(|relay| fixture.instance_by(relay, &location.settings));
    let other = quick.hold(At::Answer, is_create);
    race(&fixture, 2).await;
    let quick = async {
        let issued = two.token(alice()).await;
        hold.let_go();
        issued
    };
    let (one, two, ()) = tokio::join!(one.token(alice()), quick, async {
        // Not before the slow one has looked.
        hold.reached(1).await;
        other.let_go();
    });
    assert_settled(&fixture, &location, &[one, two]).await;
    assert_eq!(fixture.identities().await.1, 2);
}

/// The process that made one never hears of it.
#[tokio::test]
async fn an_identity_that_its_maker_does_not_know_of_is_taken_by_the_other() {
    let (location, fixture) = (Location::custom_ids(), Fixture::new().await);
    let dying = fixture.relay().await;
    let hold = dying.hold(At::Answer, is_create);
    let [one, two] = [&dying, &fixture.acs].map(|relay| fixture.instance_by(relay, &location.settings));
    race(&fixture, 2).await;
    let (one, two, ()) = tokio::join!(one.token_at_once(alice()), two.token(alice()), async {
        hold.reached(1).await;
        hold.cut();
    });
    one.unwrap_err();
    assert_settled(&fixture, &location, &[two]).await;
}
