//! `cargo xtask instructions -- --growth`: the instructions of a request stay the same with more connections and users.

use tokio::process::Command;

use crate::{
    Result,
    callgrind::Counter,
    load::{self, End, Load},
    scenario::{Request, Scenario},
    service::Service,
};

/// The numbers of connections.
const CONNECTIONS: [usize; 3] = [1, 32, 256];

/// The numbers of users that the service has seen before the counted requests.
const USERS: [usize; 3] = [1, 10_000, 100_000];

/// Counted requests of the users.
const COUNTED: usize = 1_000;

/// The most that a request may cost in percent of the first row. Beside more connections or users there is the growth of
/// tables, which is counted where it happens.
const MOST: u64 = 110;

/// Counts, prints two tables, and fails if a request costs more with more connections or users.
pub async fn run(counter: &Counter<'_>) -> Result<()> {
    println!("\n{:<28} {:>12} {:>12} {:>8}", "instructions of a request", "connections", "counted", "ratio");
    let mut first = None;
    for connections in CONNECTIONS {
        let cost = by_connections(counter, connections).await?;
        check(Scenario::IssueToken.name(), connections, cost, *first.get_or_insert(cost))?;
    }
    println!("\n{:<28} {:>12} {:>12} {:>8}", "instructions of a request", "known users", "counted", "ratio");
    let mut first = None;
    let mut requests = Vec::new();
    for user in 0..USERS[USERS.len() - 1] {
        // The issuer signs faster with this algorithm.
        let token = counter.issuer.token_by("EdDSA", &format!("user {user}")).await?;
        requests.push(Scenario::my_token(&token));
    }
    for users in USERS {
        let cost = by_users(counter, &requests[..users]).await?;
        check(Scenario::KnownUser.name(), users, cost, *first.get_or_insert(cost))?;
    }
    Ok(())
}

fn check(name: &str, count: usize, counted: u64, first: u64) -> Result<()> {
    let percent = counted * 100 / first;
    println!("{name:<28} {count:>12} {counted:>12} {percent:>7}%");
    if percent > MOST {
        return Err(format!("{name} costs {percent} % with {count}, over {MOST} %").into());
    }
    Ok(())
}

/// The difference of two runs with 10 and 30 requests on each connection, but at least 20 and 120 in all.
async fn by_connections(counter: &Counter<'_>, connections: usize) -> Result<u64> {
    let requests = Scenario::IssueToken.requests(counter.issuer, 1).await?;
    let mut counts = Vec::new();
    let (few, many) = (20_usize.div_ceil(connections).max(10), 120_usize.div_ceil(connections).max(30));
    for each in [few, many] {
        let load = Load { connections, rate: None, end: End::Requests(each) };
        let name = format!("connections-{connections}-{each}");
        let run = async |service: &Service| load::run(service.address, &requests, load).await.map(drop);
        counts.push(counter.run(&name, &[], run).await?);
    }
    Ok((counts[1] - counts[0]) / (connections * (many - few)) as u64)
}

/// Lets the service see the users without counting, which is ten times faster, and counts requests of the last one.
async fn by_users(counter: &Counter<'_>, users: &[Request]) -> Result<u64> {
    let known = users.last().ok_or("no users")?;
    let name = format!("users-{}", users.len());
    let cost = counter.run(&name, &["--instr-atstart=no"], async |service: &Service| {
        let load = |end| Load { connections: 32.min(users.len()), rate: None, end: End::Requests(end) };
        load::run(service.address, users, load(users.len().div_ceil(32))).await?;
        // The last user is cached, and the code is translated.
        for _ in 0..20 {
            service.send(known).await?;
        }
        let id = service.process.id().ok_or("the program has ended")?;
        let switched = Command::new("callgrind_control").args(["-i", "on", &id.to_string()]).output().await?;
        if !switched.status.success() {
            return Err(format!("callgrind_control failed: {}", String::from_utf8_lossy(&switched.stderr)).into());
        }
        for _ in 0..COUNTED {
            service.send(known).await?;
        }
        Ok(())
    });
    // The end of the program is counted too: it frees what it knows of the users, about 170 instructions each. Switching
    // the counting off before would discard the count.
    Ok(cost.await? / COUNTED as u64)
}
