//! The section `throughput`: as many requests as possible over some numbers of connections, and the memory.

use std::fmt::Write as _;

use super::{
    Options,
    contest::{contest, rate_of},
};
use crate::{
    Result,
    contender::{Contender, Setting},
    scenario::Scenario,
};

/// Returns a table for each scenario and number of connections.
pub async fn tables(setting: &Setting<'_>, options: &Options) -> Result<String> {
    let mut text = String::new();
    for scenario in Scenario::COMPARED {
        for &connections in &options.connections {
            let runs = contest(setting, options, scenario, (connections, None), &[]).await?;
            let (express, nginx) = (rate_of(&runs, Contender::Express), rate_of(&runs, Contender::Nginx));
            write!(
                text,
                "\n`{}`, {connections} connections:\n\n\
                 | program | requests/s | spread | to Express | to nginx | memory | peak |\n|---|---|---|---|---|---|---|\n",
                scenario.name()
            )?;
            for runs in &runs {
                let (rate, name) = (runs.rate(), runs.contender.name());
                let [memory, peak] = [runs.value(|run| run.memory.resident), runs.value(|run| run.memory.peak)];
                writeln!(
                    text,
                    "| {name} | {:.0} | ±{:.0} % | {} | {} | {:.1} MiB | {:.1} MiB |",
                    rate.median,
                    rate.spread,
                    rate.ratio(express),
                    rate.ratio(nginx),
                    memory.median,
                    peak.median
                )?;
            }
        }
    }
    Ok(text)
}
