//! The process terminated at each step of a first call, of a lost race and of a deletion: it completes the step, so that
//! ACS has no identity without a record.

use std::{collections::BTreeSet, time::Duration};

use acs_identity::http::client_builder;
use acs_tokens::{
    acs_client::AcsSettings,
    config::Config,
    server::Limits,
    startup::{self, App},
};
use http::Method;
use tokio::{net::TcpListener, sync::oneshot};

use super::{
    concurrency::is_create,
    fixture::Fixture,
    relay::{At, Hold},
    service::{Call, DELETE, KEY, Pending, Service, TOKEN},
};
use crate::process::in_time;

const CREATE: Call = (Method::POST, "identities");

/// The calls by which an identity is deleted.
fn is_deletion(line: &str) -> bool {
    line.contains("/:revokeAccessTokens?") || line.starts_with("DELETE ")
}

/// Whether the caller waits for the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Caller {
    Waits,
    Disconnects,
}

/// Starts a service whose log has the lines of requests.
async fn service(fixture: &Fixture) -> Service {
    let acs = fixture.acs.connection_string();
    let keys = format!("web={KEY}");
    let more = [("COMMUNICATION_SERVICES_CONNECTION_STRING", &*acs), ("CALLER_KEYS", &keys), ("RUST_LOG", "info")];
    Service::start(fixture, &more).await
}

/// Makes a call, terminates the service when the call is held, and waits for the end of the process.
async fn terminate_at(fixture: &Fixture, hold: Hold, user: &str, call: Call, caller: Caller) {
    let service = service(fixture).await;
    let answer = service.start_call(user, call);
    hold.reached(1).await;
    terminate(service, answer, caller, || hold.release()).await;
}

/// Does the same before the first write of the call.
async fn terminate_before_write(fixture: &Fixture, user: &str, call: Call, caller: Caller) {
    let service = service(fixture).await;
    let block = fixture.store.block_writes();
    let answer = service.start_call(user, call);
    block.wait_for(service.id()).await;
    terminate(service, answer, caller, || block.release()).await;
}

async fn terminate(mut service: Service, answer: Pending, caller: Caller, release: impl FnOnce()) {
    if caller == Caller::Disconnects {
        answer.abort();
        service.logged("cancelled request").await;
        service.terminate().await;
        release();
    } else {
        service.terminate().await;
        release();
        let (status, body) = in_time("the answer", answer).await.unwrap().unwrap();
        assert!((200..300).contains(&status), "{status} {body}");
    }
    assert_eq!(service.ended().await, Some(0));
}

/// Asserts that the identities of ACS are those of the records, and returns their number.
async fn known_identities(fixture: &Fixture) -> usize {
    let records = fixture.instance().records().await;
    let recorded = records.iter().filter_map(|entry| entry.record.identity()).map(|id| id.as_str().to_owned());
    let recorded: BTreeSet<String> = recorded.collect();
    assert_eq!(fixture.identities().await.0, recorded);
    recorded.len()
}

#[tokio::test]
async fn terminated_first_call_is_completed() {
    for fixture in Fixture::each().await {
        let mut users = 0;
        for caller in [Caller::Waits, Caller::Disconnects] {
            for at in [At::Request, At::Answer] {
                let user = fixture.sign_in(&format!("{caller:?} {at:?}")).await;
                let hold = fixture.acs.hold(0, at, is_create);
                terminate_at(&fixture, hold, &user, TOKEN, caller).await;
                users += 1;
                assert_eq!(known_identities(&fixture).await, users, "{caller:?} {at:?}");
            }
        }
    }
}

#[tokio::test]
async fn call_terminated_before_its_write_is_completed() {
    for fixture in Fixture::each().await {
        for caller in [Caller::Waits, Caller::Disconnects] {
            for (call, identities) in [(TOKEN, 1), (DELETE, 0)] {
                let user = fixture.sign_in("alice").await;
                terminate_before_write(&fixture, &user, call, caller).await;
                assert_eq!(known_identities(&fixture).await, identities, "{caller:?}");
            }
        }
    }
}

#[tokio::test]
async fn identity_of_a_call_that_lost_a_race_is_deleted_by_the_terminated_process() {
    for fixture in Fixture::each().await {
        // The loser deletes its identity with two calls.
        for (users, (skip, at)) in (1..).zip([(0, At::Request), (0, At::Answer), (1, At::Request), (1, At::Answer)]) {
            let mut services = [service(&fixture).await, service(&fixture).await];
            let user = fixture.sign_in(&format!("{skip} {at:?}")).await;
            let created = fixture.acs.hold(0, At::Answer, is_create);
            let answers = services.each_ref().map(|service| service.start_call(&user, TOKEN));
            created.reached(2).await;
            let deletes = fixture.acs.hold(skip, at, is_deletion);
            created.release();
            deletes.reached(1).await;
            for service in &services {
                service.terminate().await;
            }
            deletes.release();
            for answer in answers {
                assert_eq!(in_time("the answer", answer).await.unwrap().unwrap().0, 200);
            }
            for service in &mut services {
                assert_eq!(service.ended().await, Some(0));
            }
            assert_eq!(known_identities(&fixture).await, users, "{skip} {at:?}");
        }
    }
}

#[tokio::test]
async fn terminated_deletion_is_completed() {
    for fixture in Fixture::each().await {
        let other = fixture.service().await;
        for caller in [Caller::Waits, Caller::Disconnects] {
            for (skip, at) in [(0, At::Request), (0, At::Answer), (1, At::Request), (1, At::Answer)] {
                let user = fixture.sign_in(&format!("{caller:?} {skip} {at:?}")).await;
                let (_, token) = other.token(&user).await;
                let hold = fixture.acs.hold(skip, at, is_deletion);
                terminate_at(&fixture, hold, &user, DELETE, caller).await;
                assert_eq!(fixture.status(&token).await, "deleted");
                assert_eq!(known_identities(&fixture).await, 0, "{caller:?} {skip} {at:?}");
            }
        }
    }
}

#[tokio::test]
async fn identity_that_no_caller_learns_is_deleted_before_the_process_ends() {
    let [fixture, ..] = &Fixture::each().await[..] else { panic!("no store") };
    for at in [At::Request, At::Answer] {
        let hold = fixture.acs.hold(0, at, is_create);
        terminate_at(fixture, hold, "none", CREATE, Caller::Disconnects).await;
        fixture.assert_no_identity().await;
    }
    assert_eq!(fixture.identities().await.1, 2);

    // A request that takes longer than the process has for it is dropped, and its identity is deleted, too.
    let acs = fixture.acs.connection_string().parse::<acs_identity::ConnectionString>().unwrap();
    let app = startup::build(Config::local(AcsSettings::from(acs))).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/api/identities", listener.local_addr().unwrap());
    let (stop, stopped) = oneshot::channel::<()>();
    let limits = Limits { grace: Duration::from_millis(50), ..Limits::default() };
    let served = tokio::spawn(App { limits, ..app }.serve(listener, async { stopped.await.unwrap() }));
    let hold = fixture.acs.hold(0, At::Answer, is_create);
    let http = client_builder().no_proxy().build().unwrap();
    let call = tokio::spawn(http.post(url).header("content-type", "application/json").body("{}").send());
    hold.reached(1).await;
    stop.send(()).unwrap();
    assert!(in_time("the end of the request", call).await.unwrap().is_err());
    hold.release();
    in_time("the end of the server", served).await.unwrap();
    fixture.assert_no_identity().await;
    assert_eq!(fixture.identities().await.1, 3);
}
