//! `cargo xtask bench`: requests per second and latencies beside peers, as ratios of one run on one machine.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;

use crate::{
    Result,
    contender::{Contender, Setting},
    issuer::Issuer,
    load::{self, Load, Measured},
    scenario::Scenario,
    upstream,
};

#[derive(Args)]
pub struct Options {
    /// The folder of the installed peers
    #[arg(long, value_name = "FOLDER")]
    peers: PathBuf,
    /// The runs of each cell of the table; the order of the programs changes from run to run
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// The seconds of each run
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// The numbers of connections
    #[arg(long, value_delimiter = ',', default_values_t = [1, 32, 256])]
    connections: Vec<usize>,
    /// Requests per second for the latencies; each program must be able to serve them
    #[arg(long, default_value_t = 300)]
    rate: u32,
}

/// The results of a program in one cell.
struct Cell {
    contender: Contender,
    /// Requests per second of each run.
    rates: Vec<f64>,
    /// The resident memory after the last run, in MiB.
    memory: f64,
}

/// Measures and prints Markdown tables.
pub async fn run(handler: &Path, options: &Options) -> Result<()> {
    let (upstream, issuer) = (upstream::serve().await?, Issuer::start().await?);
    let setting = Setting { handler, peers: &options.peers, upstream, issuer: &issuer };
    for scenario in [Scenario::IssueToken, Scenario::KnownUser, Scenario::Health] {
        for &connections in &options.connections {
            println!(
                "\n{}, {connections} connections, {} runs of {} s\n",
                scenario.name(),
                options.runs,
                options.seconds
            );
            println!("| program | requests/s | spread | to Express | to nginx | memory |\n|---|---|---|---|---|---|");
            flat_out(&setting, options, scenario, connections).await?;
        }
        println!("\n{}, {} requests/s over 32 connections\n", scenario.name(), options.rate);
        println!("| program | median | 99 % | 99.9 % |\n|---|---|---|---|");
        for contender in Contender::ALL.into_iter().filter(|contender| contender.serves(scenario)) {
            let load =
                Load { connections: 32, rate: Some(options.rate), duration: Duration::from_secs(options.seconds) };
            let (measured, _) = measure(&setting, contender, scenario, load).await?;
            let [median, p99, p999] = [0.5, 0.99, 0.999].map(|quantile| measured.latency_ms(quantile));
            println!("| {} | {median:.2} ms | {p99:.2} ms | {p999:.2} ms |", contender.name());
        }
    }
    Ok(())
}

async fn flat_out(setting: &Setting<'_>, options: &Options, scenario: Scenario, connections: usize) -> Result<()> {
    let contenders = Contender::ALL.into_iter().filter(|contender| contender.serves(scenario));
    let mut cells: Vec<Cell> = contenders.map(|contender| Cell { contender, rates: Vec::new(), memory: 0.0 }).collect();
    let load = Load { connections, rate: None, duration: Duration::from_secs(options.seconds) };
    for run in 0..options.runs {
        let count = cells.len();
        for i in 0..count {
            let cell = &mut cells[(run + i) % count];
            let (measured, memory) = measure(setting, cell.contender, scenario, load).await?;
            cell.rates.push(measured.requests_per_second);
            cell.memory = memory;
        }
    }
    let median_of = |contender| cells.iter().find(|cell| cell.contender == contender).map(|cell| median(&cell.rates));
    let (express, nginx) = (median_of(Contender::Express), median_of(Contender::Nginx));
    for Cell { contender, rates, memory } in &cells {
        let (middle, name) = (median(rates), contender.name());
        let spread = rates.iter().fold(0.0_f64, |spread, rate| spread.max((rate / middle - 1.0).abs())) * 100.0;
        let ratio = |other: Option<f64>| other.map_or("-".to_owned(), |other| format!("{:.2}", middle / other));
        println!("| {name} | {middle:.0} | ±{spread:.0} % | {} | {} | {memory:.1} MiB |", ratio(express), ratio(nginx));
    }
    Ok(())
}

/// Starts a program, warms it up, and measures it. Returns its memory, too.
async fn measure(
    setting: &Setting<'_>,
    contender: Contender,
    scenario: Scenario,
    load: Load,
) -> Result<(Measured, f64)> {
    let request = scenario.requests(setting.issuer, 1).await?.remove(0);
    let service = contender.start(setting).await?;
    let warm_up = Load { rate: None, duration: Duration::from_secs(1), ..load };
    load::run(service.address, &request, warm_up).await?;
    let measured = load::run(service.address, &request, load).await?;
    let memory = service.memory_mib()?;
    service.stop().await?;
    Ok((measured, memory))
}

fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
