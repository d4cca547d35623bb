//! `cargo xtask instructions`: instruction counts, compared with committed budgets. No clock is involved.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use clap::Args;

use crate::{
    Result,
    callgrind::Counter,
    instruction_growth,
    issuer::Issuer,
    scenario::{Request, Scenario},
    upstream,
};

/// Requests before the counted ones: they open connections, fetch keys and fill caches.
const WARM_UP: usize = 20;

/// Counted requests.
const COUNTED: usize = 100;

/// The tolerated difference from a budget, in percent. Hash seeds and timers vary from run to run.
const TOLERANCE: u64 = 3;

/// The name of the count from the start to the first answer.
const START: &str = "start to first answer";

#[derive(Args)]
pub struct Options {
    /// Write the counts into the budgets instead of comparing them
    #[arg(long)]
    update: bool,
    /// Count only what has this text in its name
    #[arg(long, value_name = "TEXT", default_value = "", conflicts_with = "update")]
    only: String,
    /// Count only whether a request costs the same with more connections and more known users
    #[arg(long, conflicts_with_all = ["update", "only"])]
    growth: bool,
    /// Keep the profiles in this folder, for `callgrind_annotate`
    #[arg(long, value_name = "FOLDER")]
    profiles: Option<PathBuf>,
}

/// Counts, prints a table, and fails if a count is over its budget.
pub async fn run(handler: &Path, options: &Options) -> Result<()> {
    let (upstream, issuer) = (upstream::serve().await?, Issuer::start().await?);
    let counter = Counter { handler, upstream, issuer: &issuer, profiles: options.profiles.as_deref() };
    if options.growth {
        return instruction_growth::run(&counter).await;
    }
    let mut counts = BTreeMap::new();
    if START.contains(&options.only) {
        counts.insert(START, start(&counter).await?);
    }
    for scenario in Scenario::ALL.into_iter().filter(|scenario| scenario.name().contains(&options.only)) {
        counts.insert(scenario.name(), per_request(&counter, scenario).await?);
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("instructions.json");
    if options.update {
        std::fs::write(&path, format!("{}\n", serde_json::to_string_pretty(&counts)?))?;
    }
    let budgets: BTreeMap<String, u64> = serde_json::from_str(&std::fs::read_to_string(&path)?)?;
    let mut over = Vec::new();
    println!("{:<28} {:>12} {:>12} {:>8}", "instructions", "counted", "budget", "ratio");
    for (name, counted) in counts {
        let budget = *budgets.get(name).ok_or_else(|| format!("bench/instructions.json has no budget for {name}"))?;
        let percent = counted * 100 / budget;
        println!("{name:<28} {counted:>12} {budget:>12} {percent:>7}%");
        if percent > 100 + TOLERANCE {
            over.push(name);
        } else if percent < 100 - TOLERANCE {
            println!("{name} is below its budget: lower the budget with `cargo xtask instructions -- --update`");
        }
    }
    if over.is_empty() {
        Ok(())
    } else {
        Err(format!("over budget by more than {TOLERANCE} %: {}", over.join(", ")).into())
    }
}

/// The first request of the Functions host is `GET /`.
async fn start(counter: &Counter<'_>) -> Result<u64> {
    let request =
        Request { method: "GET", path: "/".to_owned(), body: None, authorization: None, key: None, status: 200 };
    counter.count(START, &[request]).await
}

/// The difference of two runs, divided by the requests in between.
async fn per_request(counter: &Counter<'_>, scenario: Scenario) -> Result<u64> {
    let requests = scenario.requests(counter.issuer, WARM_UP + COUNTED).await?;
    let name = scenario.name();
    let (few, many) = (counter.count(name, &requests[..WARM_UP]).await?, counter.count(name, &requests).await?);
    Ok(many.saturating_sub(few) / COUNTED as u64)
}
