//! A stress test: many callers, and a fault in one of ten answers of ACS. Afterwards every identity is accounted for.
//!
//! `cargo test --test stress -- --nocapture` prints a table. `STRESS_SEED` and `STRESS_OPERATIONS` change the run.

#![allow(clippy::unwrap_used, reason = "a test ends by panicking; clippy.toml lets only #[test] functions do so")]
#![allow(clippy::print_stdout, reason = "prints a table")]

mod caller;
mod fault_plan;
mod leftovers;
#[path = "../it/process.rs"]
#[allow(dead_code, reason = "the integration tests use the rest")]
mod process;
mod quota;
mod service;

use std::{collections::BTreeSet, ffi::OsString, time::Instant};

use acs_identity::ConnectionString;
use acs_tokens::{
    acs_client::AcsSettings,
    auth::BackendAuth,
    emulator::{Emulator, Options, connection_string},
    http::Api,
    server::{self, Limits},
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
async fn every_answer_is_documented_and_no_identity_is_lost() {
    let (seed, operations) = (setting("STRESS_SEED", 7), setting("STRESS_OPERATIONS", 20_000));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { Emulator::new(Options::default()).serve_http(listener).await });
    let fault_plan = FaultPlan::new(address);
    fault_plan.request(Random::new(seed), operations).await;

    let settings: AcsSettings = connection_string("http", address).parse::<ConnectionString>().unwrap().into();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/api", listener.local_addr().unwrap());
    let app = Api::new(settings.client().unwrap(), BackendAuth::Anyone).into_router();
    tokio::spawn(server::run(listener, app, Limits::default(), std::future::pending()));

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
    let unreturned = found.iter().filter(|id| !alive.contains(*id) && !unsure.contains(*id)).count() as u64;
    let faulted: u64 =
        state["calls"].as_object().unwrap().values().map(|calls| calls["faulted"].as_u64().unwrap()).sum();

    println!("seed {seed}, {operations} operations by {CALLERS} callers in {:.1} s", start.elapsed().as_secs_f64());
    println!("{tally}");
    println!("calls with a fault               {faulted:>6}");
    println!("identities returned and alive    {:>6}", alive.len());
    println!(
        "identities not returned          {unreturned:>6} of at most {} unknown outcomes",
        tally.unknown_creations()
    );
    assert_eq!(tally.operations(), operations);
    assert!(lost.is_empty(), "these identities were returned and do not exist: {lost:?}");
    assert!(unreturned <= tally.unknown_creations(), "an identity exists that no unknown outcome explains");
    assert!(faulted * 20 > operations, "too few faults");
}
