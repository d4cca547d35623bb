//! Mappings that ACS does not bear out any more, and memories that the directory does not: the next call puts them right.

use serde_json::{Value, json};

use super::{
    fixture::{Fixture, Instance, alice},
    location::Location,
    relay::At,
};

/// The resource is recreated: it knows nobody any more.
async fn recreate(fixture: &Fixture) {
    fixture.control("POST", "reset", &Value::Null).await;
}

/// The identity is deleted by somebody who knows nothing of the directory.
async fn delete_elsewhere(fixture: &Fixture) {
    let id = fixture.only_identity().await.parse().unwrap();
    fixture.client().delete_identity(&id).await.unwrap();
}

/// Gets a token and checks that it is good, for the only identity there is. Gives this.
async fn comes_back(fixture: &Fixture, instance: &Instance) -> String {
    let issued = instance.token(alice()).await;
    fixture.assert_good(&issued).await;
    assert_eq!(issued.id.as_str(), fixture.only_identity().await);
    issued.id.as_str().to_owned()
}

#[tokio::test]
async fn an_identity_that_acs_does_not_know_any_more_is_replaced() {
    for location in Location::each("an_identity_that_acs_does_not_know_any_more_is_replaced").await {
        for gone in ["IdentityNotOwned", "IdentityNotFound"] {
            let fixture = Fixture::new().await;
            let [one, two] = [(); 2].map(|()| fixture.instance(&location.settings));
            let first = comes_back(&fixture, &one).await;
            assert_eq!(comes_back(&fixture, &two).await, first);

            // With the old one in memory, and not.
            for knows in [true, false] {
                delete_elsewhere(&fixture).await;
                fixture.control("PUT", "settings", &json!({ "gone": gone })).await;
                let one = if knows { one.clone() } else { fixture.instance(&location.settings) };
                let second = comes_back(&fixture, &one).await;
                assert_ne!(second, first);
                assert_eq!(comes_back(&fixture, &two).await, second, "the other remembers the first one");

                recreate(&fixture).await;
                fixture.control("PUT", "settings", &json!({ "gone": gone })).await;
                let one = if knows { one } else { fixture.instance(&location.settings) };
                let third = comes_back(&fixture, &one).await;
                assert_ne!(third, second);
                assert_eq!(comes_back(&fixture, &two).await, third, "the other remembers the second one");
            }
        }
    }
}

#[tokio::test]
async fn a_directory_goes_with_another_resource() {
    for location in Location::each("a_directory_goes_with_another_resource").await {
        let (before, after) = (Fixture::new().await, Fixture::new().await);
        let first = comes_back(&before, &before.instance(&location.settings)).await;
        let second = comes_back(&after, &after.instance(&location.settings)).await;
        assert_ne!(first, second);
        assert_eq!(comes_back(&after, &after.instance(&location.settings)).await, second);
    }
}

#[tokio::test]
async fn two_instances_replace_an_identity_by_one() {
    for location in Location::each("two_instances_replace_an_identity_by_one").await {
        let fixture = Fixture::new().await;
        let [one, two] = [(); 2].map(|()| fixture.instance(&location.settings));
        let first = comes_back(&fixture, &one).await;
        assert_eq!(comes_back(&fixture, &two).await, first);
        delete_elsewhere(&fixture).await;

        let hold = fixture.acs.hold(At::Answer, |line| line.starts_with("POST /identities?"));
        let both_made_one = async {
            hold.reached(2).await;
            hold.let_go();
        };
        let (issued, other, ()) = tokio::join!(one.token(alice()), two.token(alice()), both_made_one);
        fixture.assert_good(&issued).await;
        fixture.assert_good(&other).await;
        let only = fixture.only_identity().await;
        assert_eq!((issued.id.as_str(), other.id.as_str()), (&*only, &*only));
        assert_eq!(one.recorded(alice()).await, Some(only));
    }
}

#[tokio::test]
async fn signing_out_reaches_the_identity_that_the_user_has_now() {
    for location in Location::each("signing_out_reaches_the_identity_that_the_user_has_now").await {
        let fixture = Fixture::new().await;
        let [one, two] = [(); 2].map(|()| fixture.instance(&location.settings));
        let first = comes_back(&fixture, &two).await;
        assert!(one.forget(alice()).await);
        let issued = one.token(alice()).await;
        assert_ne!(issued.id.as_str(), first);
        fixture.assert_good(&issued).await;

        assert_eq!(two.revoke(alice()).await.as_deref(), Some(issued.id.as_str()), "it remembers another one");
        assert_eq!(fixture.status(issued.token.expose()).await, "revoked");
        assert_eq!(comes_back(&fixture, &two).await, issued.id.as_str());

        delete_elsewhere(&fixture).await;
        assert_eq!(two.revoke(alice()).await, None, "there is nothing to revoke");
        comes_back(&fixture, &one).await;
    }
}

#[tokio::test]
async fn leaving_reaches_the_identity_that_the_user_has_now() {
    for location in Location::each("leaving_reaches_the_identity_that_the_user_has_now").await {
        let fixture = Fixture::new().await;
        let [one, two] = [(); 2].map(|()| fixture.instance(&location.settings));
        let first = comes_back(&fixture, &two).await;
        assert!(one.forget(alice()).await);
        assert_ne!(comes_back(&fixture, &one).await, first);

        assert!(two.forget(alice()).await);
        assert!(fixture.identities().await.0.is_empty(), "it remembered another one");
        assert!(fixture.logged().await.is_empty());

        let second = comes_back(&fixture, &one).await;
        delete_elsewhere(&fixture).await;
        one.forget(alice()).await;
        assert!(fixture.identities().await.0.is_empty());
        assert_ne!(comes_back(&fixture, &two).await, second);
    }
}

#[tokio::test]
async fn of_somebody_who_never_came_there_is_nothing_to_end() {
    for location in Location::each("of_somebody_who_never_came_there_is_nothing_to_end").await {
        let fixture = Fixture::new().await;
        let instance = fixture.instance(&location.settings);
        assert_eq!(instance.revoke(alice()).await, None);
        assert!(!instance.forget(alice()).await);
        assert_eq!(instance.recorded(alice()).await, None);
        assert_eq!(fixture.acs.seen(|_| true), 0, "ACS is not asked");
    }
}

/// A step of leaving that fails, by the operation of ACS.
const STEPS: [&str; 2] = ["revoke-tokens", "delete-identity"];

#[tokio::test]
async fn leaving_that_broke_off_is_finished_by_the_next_call_of_any_kind() {
    for location in Location::each("leaving_that_broke_off_is_finished_by_the_next_call_of_any_kind").await {
        for step in STEPS {
            for next in ["token", "revoke", "forget"] {
                let fixture = Fixture::new().await;
                let [one, two] = [(); 2].map(|()| fixture.instance(&location.settings));
                let first = comes_back(&fixture, &one).await;
                let fault = json!({ "operation": step, "answer": { "status": 403 } });
                fixture.control("POST", "faults", &fault).await;
                one.forget_at_once(alice()).await.unwrap_err();
                assert_eq!(fixture.only_identity().await, first);

                match next {
                    "token" => assert_ne!(comes_back(&fixture, &two).await, first),
                    "revoke" => assert_eq!(two.revoke(alice()).await, None),
                    _ => assert!(two.forget(alice()).await),
                }
                let (alive, made) = fixture.identities().await;
                let came_back = usize::from(next == "token");
                assert_eq!((alive.len(), made), (came_back, 1 + came_back), "{step}, {next}");
                assert_eq!(one.recorded(alice()).await.unwrap().is_empty(), next != "token");
                // For the next round.
                one.forget(alice()).await;
            }
        }
    }
}

/// Whoever has the user in memory does not look into the directory: there only leaving again ends what was begun.
#[tokio::test]
async fn leaving_that_broke_off_is_not_noticed_by_who_remembers_the_user() {
    for location in Location::each("leaving_that_broke_off_is_not_noticed_by_who_remembers_the_user").await {
        let fixture = Fixture::new().await;
        let [one, two] = [(); 2].map(|()| fixture.instance(&location.settings));
        let first = comes_back(&fixture, &two).await;
        fixture.control("POST", "faults", &json!({ "operation": "revoke-tokens", "answer": { "status": 403 } })).await;
        one.forget_at_once(alice()).await.unwrap_err();

        assert_eq!(comes_back(&fixture, &two).await, first);
        assert_eq!(two.revoke(alice()).await, Some(first.clone()));
        assert!(two.forget(alice()).await);
        assert!(fixture.identities().await.0.is_empty());
        assert_ne!(comes_back(&fixture, &two).await, first);
    }
}

/// The store has written, but its answer is lost: tried again, the write fails, since there is a record now.
#[tokio::test]
async fn a_write_whose_answer_is_lost_is_found_out_about() {
    for location in Location::each("a_write_whose_answer_is_lost_is_found_out_about").await {
        let Some(relay) = &location.relay else { continue };
        let fixture = Fixture::new().await;
        let instance = fixture.instance(&location.settings);
        let hold = relay.hold(At::Answer, |line| line.starts_with("PUT "));
        let (issued, ()) = tokio::join!(instance.token(alice()), async {
            hold.reached(1).await;
            hold.cut();
        });
        fixture.assert_good(&issued).await;
        let only = fixture.only_identity().await;
        assert_eq!((issued.id.as_str(), instance.recorded(alice()).await.as_deref()), (&*only, Some(&*only)));
        assert_eq!(fixture.identities().await.1, 1);
    }
}
