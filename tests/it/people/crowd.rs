//! Many first calls at once: one identity, one record, good tokens, and the losers' identities gone.

use std::collections::BTreeSet;

use acs_tokens::directory::{Issued, Record, Settings, User};
use futures_util::future::join_all;

use super::{
    place::Home,
    relay::At,
    service::Service,
    stage::{Instance, Stage, alice, user},
};

pub(crate) const CALLS: usize = 100;

/// So many calls at once, shared out among the instances.
pub(crate) async fn calls(instances: &[Instance], users: &[User], many: usize) -> Vec<Issued> {
    let call = |number: usize| {
        let (instance, user) =
            (instances[number % instances.len()].clone(), users[number / instances.len() % users.len()]);
        tokio::spawn(async move { instance.token(user).await })
    };
    join_all((0..many).map(call)).await.into_iter().map(Result::unwrap).collect()
}

/// Checks that all are good, and gives whose they are.
pub(crate) async fn owners(stage: &Stage, tokens: &[Issued]) -> BTreeSet<String> {
    let mut owners = BTreeSet::new();
    for issued in tokens {
        stage.assert_good(issued).await;
        owners.insert(issued.id.as_str().to_owned());
    }
    owners
}

pub(crate) fn is_create(line: &str) -> bool {
    line.starts_with("POST /identities?")
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_hundred_first_calls_on_two_instances_one_identity_is_left() {
    for home in Home::each("of_a_hundred_first_calls_on_two_instances_one_identity_is_left").await {
        let stage = Stage::new().await;
        let instances = [stage.instance(&home.settings), stage.instance(&home.settings)];
        let users = [alice()];
        // Neither hears of its new identity before the other has made one as well.
        let hold = stage.acs.hold(At::Answer, is_create);
        let both_made_one = async {
            hold.reached(2).await;
            hold.let_go();
        };
        let (tokens, ()) = tokio::join!(calls(&instances, &users, CALLS), both_made_one);

        let only = stage.only_identity().await;
        assert_eq!(tokens.len(), CALLS);
        assert_eq!(owners(&stage, &tokens).await, BTreeSet::from([only.clone()]));
        assert_eq!(stage.witnessed(), BTreeSet::from([only.clone()]), "the record of deeds says the same");
        let (_, made) = stage.identities().await;
        assert!(made >= 2, "there was no race");
        for instance in &instances {
            let records = instance.records().await;
            assert!(matches!(&*records, [(_, Record::Identity(id))] if id.as_str() == only), "{records:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn users_do_not_get_into_each_others_way() {
    for home in Home::each("users_do_not_get_into_each_others_way").await {
        let stage = Stage::new().await;
        let instances = [(); 3].map(|()| stage.instance(&home.settings));
        let users: Vec<User> = (1..=30).map(user).collect();
        let tokens = calls(&instances, &users, 30 * 3 * 2).await;

        let (alive, _) = stage.identities().await;
        assert_eq!(alive.len(), users.len());
        assert_eq!(owners(&stage, &tokens).await, alive);
        assert_eq!(stage.witnessed(), alive);
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
    let stage = Stage::new().await;
    let instance = stage.instance(&Settings::in_memory());
    let tokens = calls(&[instance], &[alice()], CALLS).await;
    assert_eq!(owners(&stage, &tokens).await, BTreeSet::from([stage.only_identity().await]));
    assert_eq!(stage.acs.seen(is_create), 1);
    assert_eq!(stage.acs.seen(|_| true), CALLS, "the first token came with the identity");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_hundred_first_calls_on_two_processes_one_identity_is_left() {
    for home in Home::each("of_a_hundred_first_calls_on_two_processes_one_identity_is_left").await {
        let stage = Stage::new().await;
        let services = [Service::start(&stage, &home).await, Service::start(&stage, &home).await];
        let person = stage.sign_in("alice@contoso.com").await;
        // Each makes one before it hears of the other's.
        let standstill = home.stand_still();
        let calling = (0..CALLS).map(|number| services[number % 2].token(&person));
        let both_made_one = async {
            stage.called("create-identity", 2).await;
            standstill.let_go();
        };
        let (tokens, ()) = tokio::join!(join_all(calling), both_made_one);

        let only = stage.only_identity().await;
        assert!(stage.identities().await.1 >= 2, "there was no race");
        for (id, token) in tokens {
            assert_eq!(id, only);
            stage.assert_token(&token, &id).await;
        }
        let records = stage.instance(&home.settings).records().await;
        assert!(matches!(&*records, [(_, Record::Identity(id))] if id.as_str() == only), "{records:?}");
    }
}
