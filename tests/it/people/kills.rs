//! The process killed at each step of first use and of leaving: the next call finishes it, and nothing is lost.

use http::Method;

use super::{
    place::Home,
    relay::{At, Hold},
    service::Service,
    stage::Stage,
};

/// Every call to ACS is held at one of these.
const SIDES: [At; 2] = [At::Request, At::Answer];

/// No call of ours makes more at ACS.
const CALLS: usize = 10;

/// A call to ACS, and not the greeting at the start.
fn is_call(line: &str) -> bool {
    !line.starts_with("HEAD ")
}

/// Begins a call and kills the process when the call waits there; tells whether it ever did.
async fn killed_at(hold: Hold, service: Service, person: &str, method: Method, path: &str) -> bool {
    let mut call = service.begin(person, method, path);
    let reached = tokio::select! {
        () = hold.reached(1) => true,
        _ = &mut call => false,
    };
    service.kill().await;
    hold.cut();
    reached
}

/// The same when it is about to write.
async fn killed_writing(home: &Home, service: Service, person: &str, method: Method, path: &str) {
    let standstill = home.stand_still();
    drop(service.begin(person, method, path));
    standstill.reached_by(service.id()).await;
    service.kill().await;
    standstill.end();
}

/// Starts it again and checks that somebody gets good tokens of one identity, and can leave. Gives how many identities
/// there are besides.
async fn left_over(stage: &Stage, home: &Home, person: &str) -> usize {
    let service = Service::start(stage, home).await;
    let (id, token) = service.token(person).await;
    stage.assert_token(&token, &id).await;
    let (again, token) = Service::start(stage, home).await.token(person).await;
    assert_eq!(again, id);
    stage.assert_token(&token, &id).await;
    let (mut alive, _) = stage.identities().await;
    assert!(alive.remove(&id));
    service.forget(person).await;
    assert_eq!(stage.identities().await.0, alive, "only the user's own has ended");
    alive.len()
}

#[tokio::test]
async fn first_use_is_finished_by_the_next_call_and_leaves_at_most_one_identity() {
    for home in Home::each("first_use_is_finished_by_the_next_call_and_leaves_at_most_one_identity").await {
        // Before ACS makes one, nothing can be left.
        let stage = Stage::new().await;
        let (person, service) = (stage.sign_in("asking").await, Service::start(&stage, &home).await);
        let hold = stage.acs.hold(At::Request, is_call);
        assert!(killed_at(hold, service, &person, Method::POST, "me/token").await);
        assert_eq!(left_over(&stage, &home, &person).await, 0);

        // Made, but its maker does not hear of it.
        let stage = Stage::new().await;
        let (person, service) = (stage.sign_in("made").await, Service::start(&stage, &home).await);
        let hold = stage.acs.hold(At::Answer, is_call);
        assert!(killed_at(hold, service, &person, Method::POST, "me/token").await);
        assert_eq!(left_over(&stage, &home, &person).await, 1);

        // Between ACS's answer and the write that records it.
        let stage = Stage::new().await;
        let (person, service) = (stage.sign_in("writing").await, Service::start(&stage, &home).await);
        killed_writing(&home, service, &person, Method::POST, "me/token").await;
        // None if the store has not come about for so long that it was taken back.
        assert!(left_over(&stage, &home, &person).await <= 1);

        // As soon as it is written.
        let stage = Stage::new().await;
        let (person, service) = (stage.sign_in("written").await, Service::start(&stage, &home).await);
        let reader = stage.instance(&home.settings);
        let before = reader.records().await.len();
        drop(service.begin(&person, Method::POST, "me/token"));
        while reader.records().await.len() == before {}
        service.kill().await;
        assert_eq!(left_over(&stage, &home, &person).await, 0);
    }
}

#[tokio::test]
async fn first_use_with_a_custom_id_leaves_nothing() {
    let mut steps = 0;
    for side in SIDES {
        for before in 0..CALLS {
            let (home, stage) = (Home::custom_ids(), Stage::new().await);
            let (person, service) = (stage.sign_in("anybody").await, Service::start(&stage, &home).await);
            let hold = stage.acs.hold_after(before, side, is_call);
            let reached = killed_at(hold, service, &person, Method::POST, "me/token").await;
            assert_eq!(left_over(&stage, &home, &person).await, 0, "killed at call {before}, {side:?}");
            steps += usize::from(reached);
            if !reached {
                break;
            }
        }
    }
    assert_eq!(steps, 2 * 3, "it looks twice and issues a token");
}

/// The next call of each kind, after a process was killed while somebody left.
const NEXT: [(Method, &str); 3] = [(Method::POST, "me/token"), (Method::DELETE, "me/tokens"), (Method::DELETE, "me")];

/// Makes the next call, and then the last one: nobody is there any more.
async fn finished(stage: &Stage, home: &Home, person: &str, (method, path): &(Method, &str)) -> usize {
    let service = Service::start(stage, home).await;
    let (status, answer) = service.call(person, method.clone(), path).await;
    assert_eq!(status, if *path == "me/token" { 200 } else { 204 }, "{answer}");
    let (alive, _) = stage.identities().await;
    if *path == "me/token" {
        let (id, token) = (&answer["user"]["communicationUserId"], &answer["token"]);
        stage.assert_token(token.as_str().unwrap(), id.as_str().unwrap()).await;
        assert_eq!(alive.iter().collect::<Vec<_>>(), [id.as_str().unwrap()]);
    }
    service.forget(person).await;
    assert!(stage.identities().await.0.is_empty());
    alive.len()
}

#[tokio::test]
async fn leaving_is_finished_by_the_next_call_of_any_kind() {
    for home in Home::each("leaving_is_finished_by_the_next_call_of_any_kind").await {
        let mut steps = 0;
        for next in NEXT {
            for side in SIDES {
                for before in 0..CALLS {
                    let stage = Stage::new().await;
                    let person = stage.sign_in(&format!("{before} {side:?} {next:?}")).await;
                    let service = Service::start(&stage, &home).await;
                    let (first, token) = service.token(&person).await;
                    let hold = stage.acs.hold_after(before, side, is_call);
                    let reached = killed_at(hold, service, &person, Method::DELETE, "me").await;
                    let left = finished(&stage, &home, &person, &next).await;
                    assert_eq!(left, usize::from(next.1 == "me/token"), "killed at call {before}, {side:?}: {next:?}");
                    assert_eq!(stage.status(&token).await, "deleted", "{first}");
                    steps += usize::from(reached);
                    if !reached {
                        break;
                    }
                }
            }
        }
        assert_eq!(steps, NEXT.len() * 2 * 2, "it revokes and deletes");
    }
}

#[tokio::test]
async fn leaving_is_finished_when_it_was_to_be_noted() {
    for home in Home::each("leaving_is_finished_when_it_was_to_be_noted").await {
        for next in NEXT {
            // Not noted yet: nothing has happened.
            let stage = Stage::new().await;
            let person = stage.sign_in(&format!("leaving {next:?}")).await;
            let service = Service::start(&stage, &home).await;
            let (id, token) = service.token(&person).await;
            killed_writing(&home, service, &person, Method::DELETE, "me").await;
            stage.assert_token(&token, &id).await;
            let left = finished(&stage, &home, &person, &next).await;
            assert_eq!(left, usize::from(next.1 != "me"), "{next:?}");

            // Everything has happened and is to be noted.
            let stage = Stage::new().await;
            let person = stage.sign_in(&format!("gone {next:?}")).await;
            let service = Service::start(&stage, &home).await;
            let (id, token) = service.token(&person).await;
            let hold = stage.acs.hold(At::Answer, |line| line.starts_with("DELETE "));
            drop(service.begin(&person, Method::DELETE, "me"));
            hold.reached(1).await;
            let standstill = home.stand_still();
            hold.let_go();
            standstill.reached_by(service.id()).await;
            service.kill().await;
            standstill.end();
            assert_eq!(stage.status(&token).await, "deleted", "{id}");
            let left = finished(&stage, &home, &person, &next).await;
            assert_eq!(left, usize::from(next.1 == "me/token"), "{next:?}");
        }
    }
}

#[tokio::test]
async fn leaving_with_a_custom_id_is_finished_by_calling_again() {
    for next in NEXT {
        // By the process that knows the identity, and by one that has to look for it.
        for (knows, calls) in [(true, 5), (false, 3)] {
            let mut steps = 0;
            for side in SIDES {
                for before in 0..CALLS {
                    let (home, stage) = (Home::custom_ids(), Stage::new().await);
                    let person = stage.sign_in("anybody").await;
                    let mut service = Service::start(&stage, &home).await;
                    service.token(&person).await;
                    if !knows {
                        service = Service::start(&stage, &home).await;
                    }
                    let hold = stage.acs.hold_after(before, side, is_call);
                    let reached = killed_at(hold, service, &person, Method::DELETE, "me").await;
                    let left = finished(&stage, &home, &person, &next).await;
                    assert!(left <= 1, "killed at call {before}, {side:?}: {next:?}");
                    steps += usize::from(reached);
                    if !reached {
                        break;
                    }
                }
            }
            assert_eq!(steps, 2 * calls, "{next:?}");
        }
    }
}
