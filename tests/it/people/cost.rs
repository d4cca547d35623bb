//! What a call costs: for a known user one call at ACS, and none to the directory while the user is in memory.

use serde_json::{Value, json};

use super::{
    fixture::{Fixture, alice, user},
    location::Location,
    service::Service,
};

#[tokio::test]
async fn a_known_user_costs_one_call_at_acs_and_none_to_the_directory() {
    for location in Location::each("a_known_user_costs_one_call_at_acs_and_none_to_the_directory").await {
        let fixture = Fixture::new().await;
        fixture.instance(&location.settings).token(alice()).await;

        // The first call of an instance reads the directory, and no later one does.
        let instance = fixture.instance(&location.settings);
        let accesses = location.accesses();
        let before = fixture.acs.seen(|_| true);
        instance.token(alice()).await;
        assert_eq!(fixture.acs.seen(|_| true) - before, 1);
        assert!(location.accesses() > accesses || location.relay.is_none());

        let stranger = fixture.instance(&location.settings);
        let (away, accesses) = (location.take_away(), location.accesses());
        let before = fixture.acs.seen(|_| true);
        for calls in 1..=10 {
            let issued = instance.token_at_once(alice()).await.unwrap();
            assert_eq!(fixture.acs.seen(|_| true) - before, calls);
            fixture.assert_good(&issued).await;
        }
        assert_eq!(location.accesses(), accesses);
        assert_eq!(fixture.acs.seen(|line| line.contains("/:issueAccessToken?")), 11);
        if away.is_some() {
            // Who needs the directory does not find it, and leaves nothing behind at ACS.
            stranger.token_at_once(alice()).await.unwrap_err();
            instance.token_at_once(user(2)).await.unwrap_err();
            assert_eq!(fixture.identities().await.0.len(), 1);
        }
        location.bring_back(away);
        fixture.assert_good(&stranger.token(alice()).await).await;
        fixture.only_identity().await;
    }
}

#[tokio::test]
async fn my_token_for_a_known_user_makes_one_call() {
    for location in Location::each("my_token_for_a_known_user_makes_one_call").await {
        let fixture = Fixture::new().await;
        let service = Service::start(&fixture, &location).await;
        let person = fixture.sign_in("alice@contoso.com").await;
        let (id, _) = service.token(&person).await;
        let (away, accesses) = (location.take_away(), location.accesses());
        fixture.control("DELETE", "calls", &Value::Null).await;
        for _ in 0..10 {
            let (again, token) = service.token(&person).await;
            fixture.assert_token(&token, &again).await;
            assert_eq!(again, id);
        }
        let calls = fixture.control("GET", "calls", &Value::Null).await;
        assert_eq!(calls, json!({ "issue-token": { "received": 10, "faulted": 0 } }));
        assert_eq!(location.accesses(), accesses);
        location.bring_back(away);
    }
}
