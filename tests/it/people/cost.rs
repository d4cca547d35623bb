//! What a call costs: for a known user one call at ACS, and none to the directory while the user is in memory.

use serde_json::{Value, json};

use super::{
    place::Home,
    service::Service,
    stage::{Stage, alice, user},
};

#[tokio::test]
async fn a_known_user_costs_one_call_at_acs_and_none_to_the_directory() {
    for home in Home::each("a_known_user_costs_one_call_at_acs_and_none_to_the_directory").await {
        let stage = Stage::new().await;
        stage.instance(&home.settings).token(alice()).await;

        // The first call of an instance reads the directory, and no later one does.
        let instance = stage.instance(&home.settings);
        let accesses = home.accesses();
        let before = stage.acs.seen(|_| true);
        instance.token(alice()).await;
        assert_eq!(stage.acs.seen(|_| true) - before, 1);
        assert!(home.accesses() > accesses || home.relay.is_none());

        let stranger = stage.instance(&home.settings);
        let (away, accesses) = (home.take_away(), home.accesses());
        let before = stage.acs.seen(|_| true);
        for calls in 1..=10 {
            let issued = instance.token_at_once(alice()).await.unwrap();
            assert_eq!(stage.acs.seen(|_| true) - before, calls);
            stage.assert_good(&issued).await;
        }
        assert_eq!(home.accesses(), accesses);
        assert_eq!(stage.acs.seen(|line| line.contains("/:issueAccessToken?")), 11);
        if away.is_some() {
            // Who needs the directory does not find it, and leaves nothing behind at ACS.
            stranger.token_at_once(alice()).await.unwrap_err();
            instance.token_at_once(user(2)).await.unwrap_err();
            assert_eq!(stage.identities().await.0.len(), 1);
        }
        home.bring_back(away);
        stage.assert_good(&stranger.token(alice()).await).await;
        stage.only_identity().await;
    }
}

#[tokio::test]
async fn my_token_for_a_known_user_makes_one_call() {
    for home in Home::each("my_token_for_a_known_user_makes_one_call").await {
        let stage = Stage::new().await;
        let service = Service::start(&stage, &home).await;
        let person = stage.sign_in("alice@contoso.com").await;
        let (id, _) = service.token(&person).await;
        let (away, accesses) = (home.take_away(), home.accesses());
        stage.door("DELETE", "calls", &Value::Null).await;
        for _ in 0..10 {
            let (again, token) = service.token(&person).await;
            stage.assert_token(&token, &again).await;
            assert_eq!(again, id);
        }
        let calls = stage.door("GET", "calls", &Value::Null).await;
        assert_eq!(calls, json!({ "issue-token": { "received": 10, "faulted": 0 } }));
        assert_eq!(home.accesses(), accesses);
        home.bring_back(away);
    }
}
