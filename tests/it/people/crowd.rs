//! Many first calls at once: one identity, one record, good tokens, and the losers' identities gone.

use std::collections::BTreeSet;

use acs_tokens::directory::{DirectorySettings, Issued, Record, UserId};
use futures_util::future::join_all;

use super::{
    fixture::{Fixture, Instance, alice, user},
    location::Location,
    relay::At,
    service::Service,
};

pub(crate) const CALLS: usize = 100;

/// So many calls at once, shared out among the instances.
pub(crate) async fn calls(instances: &[Instance], users: &[UserId], many: usize) -> Vec<Issued> {
    let call = |number: usize| {
        let (instance, user) =
            (instances[number % instances.len()].clone(), users[number / instances.len() % users.len()]);
        tokio::spawn(async move { instance.token(user).await })
    };
    join_all((0..many).map(call)).await.into_iter().map(Result::unwrap).collect()
}

/// Checks that all are good, and gives whose they are.
pub(crate) async fn owners(fixture: &Fixture, tokens: &[Issued]) -> BTreeSet<String> {
    let mut owners = BTreeSet::new();
    for issued in tokens {
        fixture.assert_good(issued).await;
        owners.insert(issued.id.as_str().to_owned());
    }
    owners
}

pub(crate) fn is_create(line: &str) -> bool {
    line.starts_with("POST /identities?")
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_hundred_first_calls_on_two_instances_one_identity_is_left() {
    for location in Location::each("of_a_hundred_first_calls_on_two_instances_one_identity_is_left").await {
        let fixture = Fixture::new().await;
        let instances = [fixture.instance(&location.settings), fixture.instance(&location.settings)];
        let users = [alice()];
        // Neither hears of its new identity before the other has made one as well.
        let hold = fixture.acs.hold(At::Answer, is_create);
        let both_made_one = async {
            hold.reached(2).await;
            hold.let_go();
        };
        let (tokens, ()) = tokio::join!(calls(&instances, &users, CALLS), both_made_one);

        let only = fixture.only_identity().await;
        assert_eq!(tokens.len(), CALLS);
        assert_eq!(owners(&fixture, &tokens).await, BTreeSet::from([only.clone()]));
        assert_eq!(fixture.logged().await, BTreeSet::from([only.clone()]), "the log says the same");
        let (_, made) = fixture.identities().await;
        assert!(made >= 2, "there was no race");
        for instance in &instances {
            let records = instance.records().await;
            assert!(matches!(&*records, [(_, Record::Identity(id))] if id.as_str() == only), "{records:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn users_do_not_get_into_each_others_way() {
    for location in Location::each("users_do_not_get_into_each_others_way").await {
        let fixture = Fixture::new().await;
        let instances = [(); 3].map(|()| fixture.instance(&location.settings));
        let users: Vec<UserId> = (1..=30).map(user).collect();
        let tokens = calls(&instances, &users, 30 * 3 * 2).await;

        let (alive, _) = fixture.identities().await;
        assert_eq!(alive.len(), users.len());
        assert_eq!(owners(&fixture, &tokens).await, alive);
        assert_eq!(fixture.logged().await, alive);
        assert_eq!(instances[0].records().await.len(), users.len());
        for user in users {
            let id = instances[0].recorded(user).await.unwrap();
            for instance in &instances {
                assert_eq!(instance.token(user).await.id.as_str(), id);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_instance_makes_one_identity_for_a_user() {
    let fixture = Fixture::new().await;
    let instance = fixture.instance(&DirectorySettings::in_memory());
    let tokens = calls(&[instance], &[alice()], CALLS).await;
    assert_eq!(owners(&fixture, &tokens).await, BTreeSet::from([fixture.only_identity().await]));
    assert_eq!(fixture.acs.seen(is_create), 1);
    assert_eq!(fixture.acs.seen(|_| true), CALLS, "the first token came with the identity");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_hundred_first_calls_on_two_processes_one_identity_is_left() {
    for location in Location::each("of_a_hundred_first_calls_on_two_processes_one_identity_is_left").await {
        let fixture = Fixture::new().await;
        let services = [Service::start(&fixture, &location).await, Service::start(&fixture, &location).await];
        let person = fixture.sign_in("alice@contoso.com").await;
        // Each makes one before it hears of the other's.
        let standstill = location.stand_still();
        let calling = (0..CALLS).map(|number| services[number % 2].token(&person));
        let both_made_one = async {
            fixture.called("create-identity", 2).await;
            standstill.let_go();
        };
        let (tokens, ()) = tokio::join!(join_all(calling), both_made_one);

        let only = fixture.only_identity().await;
        assert!(fixture.identities().await.1 >= 2, "there was no race");
        for (id, token) in tokens {
            assert_eq!(id, only);
            fixture.assert_token(&token, &id).await;
        }
        let records = fixture.instance(&location.settings).records().await;
        assert!(matches!(&*records, [(_, Record::Identity(id))] if id.as_str() == only), "{records:?}");
    }
}
