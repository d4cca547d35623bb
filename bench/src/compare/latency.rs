//! The section `latency`: latencies at a fixed rate, counted from the time when a request was due.

use std::fmt::Write as _;

use super::{Options, contest::contest};
use crate::{Result, contender::Setting, scenario::Scenario};

/// Returns a table for each scenario and number of connections.
pub async fn tables(setting: &Setting<'_>, options: &Options) -> Result<String> {
    let mut text = String::new();
    for scenario in Scenario::COMPARED {
        for &connections in &options.connections {
            let runs = contest(setting, options, scenario, (connections, Some(options.rate)), &[]).await?;
            write!(
                text,
                "\n`{}`, {} requests/s over {connections} connections:\n\n\
                 | program | median | 99 % | 99.9 % | spread of the 99 % |\n|---|---|---|---|---|\n",
                scenario.name(),
                options.rate
            )?;
            for runs in &runs {
                let [median, p99, p999] =
                    [0.5, 0.99, 0.999].map(|quantile| runs.value(|run| run.measured.latency_ms(quantile)));
                writeln!(
                    text,
                    "| {} | {:.2} ms | {:.2} ms | {:.2} ms | ±{:.0} % |",
                    runs.contender.name(),
                    median.median,
                    p99.median,
                    p999.median,
                    p99.spread
                )?;
            }
        }
    }
    Ok(text)
}
