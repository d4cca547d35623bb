//! The section `growth`: memory, file descriptors and threads of `handler` over a million calls. It fails if they grow.

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use tokio::time::sleep;

use super::Options;
use crate::{
    Result,
    contender::Setting,
    load::{self, End, Load},
    scenario::{Request, Scenario},
    service::Service,
};

/// The connections of the calls. The last calls use more.
const CONNECTIONS: usize = 32;

/// The users of `my-token`.
const USERS: usize = 1_000;

/// The most that the memory may grow from a hundredth of the calls to all, in MiB. A leak of 3 bytes in each of a million
/// calls exceeds it.
const MOST_GROWTH: f64 = 3.0;

/// Longer than idle connections to the upstream are kept: 55 s, checked every 55 s.
const IDLE_TIMEOUT: Duration = Duration::from_secs(130);

/// Returns one table. Fails if the memory has grown, or if file descriptors or threads are left over.
pub async fn tables(setting: &Setting<'_>, options: &Options) -> Result<String> {
    let service = Service::start(&[], setting.handler, setting.upstream, setting.issuer).await?;
    let mut requests = Scenario::FirstUse.requests(setting.issuer, USERS).await?;
    for scenario in [Scenario::IssueToken, Scenario::Health, Scenario::Refusal] {
        requests.extend(scenario.requests(setting.issuer, USERS).await?);
    }
    service.send(&requests[0]).await?;
    let (descriptors, threads) = service.descriptors_and_threads()?;
    let mut text = format!(
        "\n`issue-token`, `my-token` of {USERS} users, `health` and a wrong signature in turn, {CONNECTIONS} connections:\n\n\
         | calls | memory | file descriptors | threads |\n|---|---|---|---|\n\
         | 1 | {:.1} MiB | {descriptors} | {threads} |\n",
        service.memory()?.resident
    );
    let (mut sent, mut memory) = (0, Vec::new());
    for calls in [options.calls / 100, options.calls / 10, options.calls] {
        send(&service, &requests, CONNECTIONS, calls - sent).await?;
        sent = calls;
        memory.push(row(&mut text, &service, &calls.to_string())?);
    }
    send(&service, &requests, 256, options.calls / 100).await?;
    row(&mut text, &service, "the same, then 256 connections")?;
    let end = Instant::now() + IDLE_TIMEOUT;
    while service.descriptors_and_threads()? != (descriptors, threads) && Instant::now() < end {
        sleep(Duration::from_millis(100)).await;
    }
    row(&mut text, &service, "and all connections closed")?;
    let (left, left_threads) = service.descriptors_and_threads()?;
    service.stop().await?;
    let growth = memory[2] - memory[0];
    if growth > MOST_GROWTH {
        return Err(format!("the memory grew by {growth:.1} MiB, over {MOST_GROWTH} MiB").into());
    }
    if left > descriptors || left_threads > threads {
        return Err(format!("left over: {left} file descriptors, {left_threads} threads").into());
    }
    writeln!(
        text,
        "\nFrom the second row to the fourth, the memory grew by {growth:.1} MiB of at most {MOST_GROWTH} MiB."
    )?;
    Ok(text)
}

/// Sends requests over fresh connections, and closes them.
async fn send(service: &Service, requests: &[Request], connections: usize, count: usize) -> Result<()> {
    let load = Load { connections, rate: None, end: End::Requests(count.div_ceil(connections)) };
    load::run(service.address, requests, load).await?;
    Ok(())
}

/// Writes a row and returns the memory.
fn row(text: &mut String, service: &Service, calls: &str) -> Result<f64> {
    let (memory, (descriptors, threads)) = (service.memory()?.resident, service.descriptors_and_threads()?);
    writeln!(text, "| {calls} | {memory:.1} MiB | {descriptors} | {threads} |")?;
    Ok(memory)
}
