//! Custom ids, which ACS does not keep apart: of identities made at once one is left, and nobody holds a token of another.

use std::collections::BTreeSet;

use acs_tokens::directory::Issued;
use serde_json::json;

use super::{
    crowd::{CALLS, calls, is_create, owners},
    place::Home,
    relay::At,
    stage::{Instance, Stage, alice},
};

/// Makes so many first calls at ACS find nobody before each makes an identity.
async fn race(stage: &Stage, calls: usize) {
    stage.door("PUT", "settings", &json!({ "customIdRaceCalls": calls })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_race_one_identity_is_made() {
    let (home, stage) = (Home::custom_ids(), Stage::new().await);
    let instances = [(); 2].map(|()| stage.instance(&home.settings));
    let tokens = calls(&instances, &[alice()], CALLS).await;
    let only = BTreeSet::from([stage.only_identity().await]);
    assert_eq!(owners(&stage, &tokens).await, only);
    assert_eq!(stage.witnessed(), only);
    assert_eq!(stage.identities().await.1, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_as_many_identities_as_instances_one_is_left() {
    for racing in [2, 3, 5] {
        let (home, stage) = (Home::custom_ids(), Stage::new().await);
        let instances: Vec<Instance> = (0..racing).map(|_| stage.instance(&home.settings)).collect();
        race(&stage, racing).await;
        let tokens = calls(&instances, &[alice()], CALLS).await;
        let only = BTreeSet::from([stage.only_identity().await]);
        assert_eq!(owners(&stage, &tokens).await, only);
        assert_eq!(stage.witnessed(), only);
        assert!(stage.identities().await.1 >= racing, "there was no race");
    }
}

/// Checks that a token is good and its identity the only one there is, as the other instances and the next ones find.
async fn assert_settled(stage: &Stage, home: &Home, tokens: &[Issued]) {
    let only = BTreeSet::from([stage.only_identity().await]);
    assert_eq!(owners(stage, tokens).await, only);
    let next = stage.instance(&home.settings).token(alice()).await;
    assert_eq!(owners(stage, &[next]).await, only);
}

#[tokio::test]
async fn a_second_one_made_when_the_first_has_a_token_is_taken_back() {
    // A slow machine may need a longer time to get the first token within it.
    for ms in (8..15).map(|n| 1 << n) {
        let (home, stage) = (Home::custom_ids(), Stage::new().await);
        let (one, two) = (stage.instance(&home.settings), stage.instance(&home.settings));
        stage.door("PUT", "settings", &json!({ "customIdRaceMs": ms })).await;
        let late = tokio::spawn(async move { two.token(alice()).await });
        stage.called("create-identity", 1).await;
        stage.door("PUT", "settings", &json!({})).await;
        let first = one.token(alice()).await;
        let made_before = stage.identities().await.1;
        let second = late.await.unwrap();
        assert_settled(&stage, &home, &[first, second]).await;
        if (made_before, stage.identities().await.1) == (1, 2) {
            return;
        }
    }
    panic!("the second one always came first");
}

/// An identity without a token is there, as after a revocation by somebody who never came. Two find it, and it is
/// deleted. Then each makes one.
#[tokio::test]
async fn an_identity_deleted_between_two_looks_is_replaced_by_one() {
    let (home, stage) = (Home::custom_ids(), Stage::new().await);
    assert_eq!(stage.instance(&home.settings).revoke(alice()).await, None);
    let found = stage.only_identity().await.parse().unwrap();
    let relays = [stage.relay().await, stage.relay().await];
    let holds = [&relays[0], &relays[1]].map(|relay| relay.hold(At::Answer, is_create));
    let [one, two] = [&relays[0], &relays[1]].map(|relay| stage.instance_by(relay, &home.settings));
    let meanwhile = async {
        for hold in &holds {
            hold.reached(1).await;
        }
        stage.client().delete_identity(&found).await.unwrap();
        race(&stage, 2).await;
        for hold in &holds {
            hold.let_go();
        }
    };
    let (one, two, ()) = tokio::join!(one.token(alice()), two.token(alice()), meanwhile);
    assert_settled(&stage, &home, &[one, two]).await;
    assert!(stage.identities().await.1 >= 3, "there was no race");
}

/// One is held up when it is about to delete its own; meanwhile the other has deleted its own and takes this one.
#[tokio::test]
async fn who_is_held_up_looks_again_before_giving_way() {
    let (home, stage) = (Home::custom_ids(), Stage::new().await);
    let (slow, quick) = (stage.relay().await, stage.relay().await);
    let hold = slow.hold(At::Answer, |line| line.starts_with("GET /identities/"));
    let [one, two] = [&slow, &quick].map(|relay| stage.instance_by(relay, &home.settings));
    let other = quick.hold(At::Answer, is_create);
    race(&stage, 2).await;
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
    assert_settled(&stage, &home, &[one, two]).await;
    assert_eq!(stage.identities().await.1, 2);
}

/// The process that made one never hears of it.
#[tokio::test]
async fn an_identity_that_its_maker_does_not_know_of_is_taken_by_the_other() {
    let (home, stage) = (Home::custom_ids(), Stage::new().await);
    let dying = stage.relay().await;
    let hold = dying.hold(At::Answer, is_create);
    let [one, two] = [&dying, &stage.acs].map(|relay| stage.instance_by(relay, &home.settings));
    race(&stage, 2).await;
    let (one, two, ()) = tokio::join!(one.token_at_once(alice()), two.token(alice()), async {
        hold.reached(1).await;
        hold.cut();
    });
    one.unwrap_err();
    assert_settled(&stage, &home, &[two]).await;
}
