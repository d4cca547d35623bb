//! The process killed at each step of first use and of leaving: the next call finishes it, and nothing is lost.

use http::Method;

use super::{
    fixture::Fixture,
    location::Location,
    relay::{At, Hold},
    service::Service,
};

/// Every call to ACS is held at one of these.
const SIDES: [At; 2] = [At::Request, At::Answer];

/// No call of ours makes more at ACS.
const CALLS: usize = 10;

/// A call to ACS, and not the greeting at the start.
fn is_call(line: &str) -> bool {
    !line.starts_with("HEAD ")
}

/// Two processes that share a directory. One of them is killed again and again.
struct Scene<'a> {
    location: &'a Location,
    fixture: Fixture,
    service: Service,
    other: Service,
}

impl<'a> Scene<'a> {
    async fn new(location: &'a Location) -> Self {
        let fixture = Fixture::new().await;
        let (service, other) = (Service::start(&fixture, location).await, Service::start(&fixture, location).await);
        Self { location, fixture, service, other }
    }

    /// Starts it again after it was killed.
    async fn restart(&mut self) {
        self.service = Service::start(&self.fixture, self.location).await;
    }

    /// Begins a call and kills the process when the call waits there; tells whether it ever did.
    async fn kill_at(&mut self, hold: Hold, person: &str, (method, path): (Method, &str)) -> bool {
        let mut call = self.service.begin(person, method, path);
        let reached = tokio::select! {
            () = hold.reached(1) => true,
            _ = &mut call => false,
        };
        if reached {
            self.service.kill().await;
            self.restart().await;
        }
        // In any case nobody is to wait there from now on.
        hold.cut();
        reached
    }

    /// The same when it is about to write.
    async fn kill_writing(&mut self, person: &str, (method, path): (Method, &str)) {
        let standstill = self.location.stand_still();
        drop(self.service.begin(person, method, path));
        standstill.reached_by(self.service.id()).await;
        self.service.kill().await;
        standstill.end();
        self.restart().await;
    }

    /// Checks that somebody gets good tokens of one identity, and can leave. Gives how many identities nobody knows of.
    async fn left_over(&self, person: &str) -> usize {
        let (id, token) = self.service.token(person).await;
        self.fixture.assert_token(&token, &id).await;
        let (again, token) = self.other.token(person).await;
        assert_eq!(again, id);
        self.fixture.assert_token(&token, &id).await;
        let (mut alive, _) = self.fixture.identities().await;
        assert!(alive.remove(&id));
        self.service.forget(person).await;
        assert_eq!(self.fixture.identities().await.0, alive, "only the user's own has ended");
        alive.len()
    }

    /// Makes the next call, and then the last one: nobody is there any more. Gives how many were in between.
    async fn finish(&self, person: &str, (method, path): (Method, &str)) -> usize {
        let (status, answer) = self.service.call(person, method, path).await;
        assert_eq!(status, if path == "me/token" { 200 } else { 204 }, "{answer}");
        let (alive, _) = self.fixture.identities().await;
        if path == "me/token" {
            let (id, token) = (&answer["user"]["communicationUserId"], &answer["token"]);
            self.fixture.assert_token(token.as_str().unwrap(), id.as_str().unwrap()).await;
            assert_eq!(alive.iter().collect::<Vec<_>>(), [id.as_str().unwrap()]);
        }
        self.service.forget(person).await;
        assert!(self.fixture.identities().await.0.is_empty());
        alive.len()
    }
}

const TOKEN: (Method, &str) = (Method::POST, "me/token");
const REVOKE: (Method, &str) = (Method::DELETE, "me/tokens");
const LEAVE: (Method, &str) = (Method::DELETE, "me");

#[tokio::test]
async fn first_use_is_finished_by_the_next_call_and_leaves_at_most_one_identity() {
    for location in Location::each("first_use_is_finished_by_the_next_call_and_leaves_at_most_one_identity").await {
        // Before ACS makes one, nothing can be left.
        let mut scene = Scene::new(&location).await;
        let person = scene.fixture.sign_in("asks").await;
        let hold = scene.fixture.acs.hold(At::Request, is_call);
        assert!(scene.kill_at(hold, &person, TOKEN).await);
        assert_eq!(scene.left_over(&person).await, 0);

        // As soon as it is written, neither.
        let person = scene.fixture.sign_in("is recorded").await;
        let reader = scene.fixture.instance(&location.settings);
        let before = reader.records().await.len();
        drop(scene.service.begin(&person, TOKEN.0, TOKEN.1));
        while reader.records().await.len() == before {
            tokio::task::yield_now().await;
        }
        scene.service.kill().await;
        scene.restart().await;
        assert_eq!(scene.left_over(&person).await, 0);

        // Made, but its maker does not hear of it.
        let person = scene.fixture.sign_in("is not told").await;
        let hold = scene.fixture.acs.hold(At::Answer, is_call);
        assert!(scene.kill_at(hold, &person, TOKEN).await);
        assert_eq!(scene.left_over(&person).await, 1);

        // Between ACS's answer and the write that records it: one at most, none if it was taken back because the write
        // did not come about for so long.
        let person = scene.fixture.sign_in("is not recorded").await;
        scene.kill_writing(&person, TOKEN).await;
        assert!((1..=2).contains(&scene.left_over(&person).await));
    }
}

/// Leaving, by the process that knows the identity or by one that has to look for it, killed at every call to ACS; then
/// the next call of each kind. Gives how many identities there were then, and how many calls to ACS.
async fn leave_at_every_step(location: &Location, knows: bool, next: (Method, &str), check: impl Fn(usize)) -> usize {
    let mut scene = Scene::new(location).await;
    let mut steps = 0;
    for side in SIDES {
        for before in 0..CALLS {
            let person = scene.fixture.sign_in(&format!("{next:?} {knows} {side:?} {before}")).await;
            let (id, token) = if knows { &scene.service } else { &scene.other }.token(&person).await;
            let hold = scene.fixture.acs.hold_after(before, side, is_call);
            let reached = scene.kill_at(hold, &person, LEAVE).await;
            check(scene.finish(&person, next.clone()).await);
            assert_eq!(scene.fixture.status(&token).await, "deleted", "{id}");
            if !reached {
                break;
            }
            steps += 1;
        }
    }
    steps / SIDES.len()
}

#[tokio::test]
async fn leaving_is_finished_by_the_next_call_of_any_kind() {
    for location in Location::each("leaving_is_finished_by_the_next_call_of_any_kind").await {
        for next in [TOKEN, REVOKE, LEAVE] {
            let came_back = usize::from(next == TOKEN);
            let check = |left| assert_eq!(left, came_back, "{next:?}");
            let calls = leave_at_every_step(&location, true, next.clone(), check).await;
            assert_eq!(calls, 2, "it revokes and deletes");
        }
    }
}

#[tokio::test]
async fn leaving_is_finished_when_it_was_to_be_noted() {
    for location in Location::each("leaving_is_finished_when_it_was_to_be_noted").await {
        let mut scene = Scene::new(&location).await;
        for next in [TOKEN, REVOKE, LEAVE] {
            // Not noted yet: nothing has happened.
            let person = scene.fixture.sign_in(&format!("{next:?} leaves")).await;
            let (id, token) = scene.service.token(&person).await;
            scene.kill_writing(&person, LEAVE).await;
            scene.fixture.assert_token(&token, &id).await;
            let left = scene.finish(&person, next.clone()).await;
            assert_eq!(left, usize::from(next != LEAVE), "{next:?}");

            // Everything has happened and is to be noted.
            let person = scene.fixture.sign_in(&format!("{next:?} is gone")).await;
            let (id, token) = scene.service.token(&person).await;
            let hold = scene.fixture.acs.hold(At::Answer, |line| line.starts_with("DELETE "));
            drop(scene.service.begin(&person, LEAVE.0, LEAVE.1));
            hold.reached(1).await;
            let standstill = location.stand_still();
            hold.let_go();
            standstill.reached_by(scene.service.id()).await;
            scene.service.kill().await;
            standstill.end();
            scene.restart().await;
            assert_eq!(scene.fixture.status(&token).await, "deleted", "{id}");
            let left = scene.finish(&person, next.clone()).await;
            assert_eq!(left, usize::from(next == TOKEN), "{next:?}");
        }
    }
}
