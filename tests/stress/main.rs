//! A stress: many callers, one in ten of ACS's answers broken in a random but seeded way, and afterwards a reckoning.
//!
//! Bounded by its number of operations. `cargo test --test stress -- --nocapture` prints its table; `STORM_SEED` and
//! `STORM_OPERATIONS` change what it does.

#![allow(clippy::unwrap_used, reason = "a test ends by panicking; clippy.toml lets only #[test] functions do so")]
#![allow(clippy::print_stdout, reason = "the table is what it is run for")]

mod caller;
mod fault_plan;

use std::{collections::BTreeSet, ffi::OsString, time::Instant};

use acs_tokens::{
    acs::{Client, ClientOptions, connection_string::ConnectionString},
    auth::BackendAuth,
    emulator::{Emulator, Options, connection_string},
    http::router,
    server,
};
use caller::{Caller, Tally};
use fault_plan::{FaultPlan, Random};
use serde_json::Value;
use tokio::{net::TcpListener, task::JoinSet};

const CALLERS: u64 = 64;

fn setting(name: &str, default: u64) -> u64 {
    std::env::var_os(name).and_then(|text: OsString| text.to_str()?.parse().ok()).unwrap_or(default)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_is_right_or_an_honest_problem_and_no_identity_is_lost() {
    let (seed, operations) = (setting("STORM_SEED", 7), setting("STORM_OPERATIONS", 20_000));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { Emulator::new(Options::default()).serve_http(listener).await });
    let fault_plan = FaultPlan::new(address);
    fault_plan.order(Random::new(seed), operations).await;

    let settings: ClientOptions = connection_string("http", address).parse::<ConnectionString>().unwrap().into();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/api", listener.local_addr().unwrap());
    let app = router(Client::new(settings).unwrap(), &BackendAuth::Anyone.into());
    tokio::spawn(server::run(listener, app, std::future::pending()));

    let start = Instant::now();
    let mut callers = JoinSet::new();
    for number in 0..CALLERS {
        let share = operations / CALLERS + u64::from(number < operations % CALLERS);
        callers.spawn(Caller::new(base.clone(), Random::new(seed + 1 + number)).call(share));
    }
    let (mut tally, mut alive, mut unsure) = (Tally::default(), BTreeSet::new(), BTreeSet::new());
    for caller in callers.join_all().await {
        tally.add(&caller.tally);
        alive.extend(caller.alive);
        unsure.extend(caller.unsure);
    }

    fault_plan.clear().await;
    let state = fault_plan.state().await;
    let found: BTreeSet<String> = state["identities"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|identity| identity["deletedAt"] == Value::Null)
        .map(|identity| identity["id"].as_str().unwrap().to_owned())
        .collect();
    let lost: Vec<_> = alive.difference(&found).collect();
    let strangers = found.iter().filter(|id| !alive.contains(*id) && !unsure.contains(*id)).count() as u64;
    let faulted: u64 =
        state["calls"].as_object().unwrap().values().map(|calls| calls["faulted"].as_u64().unwrap()).sum();

    println!("seed {seed}, {operations} operations by {CALLERS} callers in {:.1} s", start.elapsed().as_secs_f64());
    println!("{tally}");
    println!("calls at ACS that were broken    {faulted:>6}");
    println!("identities told of and alive     {:>6}", alive.len());
    println!(
        "identities nobody was told of    {strangers:>6} of at most {} unknown outcomes",
        tally.unknown_creations()
    );
    assert_eq!(tally.operations(), operations);
    assert!(lost.is_empty(), "callers were told of identities that are not there: {lost:?}");
    assert!(strangers <= tally.unknown_creations(), "an identity is there that nobody could know of");
    assert!(faulted * 20 > operations, "the fault_plan was too fine");
}
