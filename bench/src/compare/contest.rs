//! Runs of the programs side by side, each with a start, a verified answer and a warm-up.

use std::time::Duration;

use super::Options;
use crate::{
    Result,
    contender::{Contender, Setting},
    load::{self, End, Load, Measured},
    scenario::Scenario,
    service::Memory,
};

/// The runs of one program.
pub struct Runs {
    pub contender: Contender,
    samples: Vec<Sample>,
}

/// The result of one run.
pub struct Sample {
    pub measured: Measured,
    /// The memory at the end of the load.
    pub memory: Memory,
    /// The time from the start of the process to its first answer.
    pub first_answer: Duration,
}

impl Runs {
    /// Returns the median and the spread of a number of each run.
    pub fn value(&self, number: impl Fn(&Sample) -> f64) -> Value {
        Value::of(self.samples.iter().map(number).collect())
    }

    /// Returns the requests per second.
    pub fn rate(&self) -> Value {
        self.value(|sample| sample.measured.requests_per_second)
    }
}

/// A median with its spread.
#[derive(Clone, Copy)]
pub struct Value {
    pub median: f64,
    /// The largest difference of a run from the median, in percent.
    pub spread: f64,
}

impl Value {
    /// Returns the median and the spread of the values.
    pub fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let median = values.get(values.len() / 2).copied().unwrap_or(f64::NAN);
        let spread = values.iter().fold(0.0_f64, |spread, value| spread.max((value / median - 1.0).abs())) * 100.0;
        Self { median, spread }
    }

    /// Writes the ratio to another median.
    pub fn ratio(self, other: Option<Self>) -> String {
        other.map_or("-".to_owned(), |other| format!("{:.2}", self.median / other.median))
    }
}

/// Finds the requests per second of a program.
pub fn rate_of(runs: &[Runs], contender: Contender) -> Option<Value> {
    runs.iter().find(|runs| runs.contender == contender).map(Runs::rate)
}

/// Measures each program that serves the scenario, in an order that changes from run to run.
pub async fn contest(
    setting: &Setting<'_>,
    options: &Options,
    scenario: Scenario,
    load: (usize, Option<u32>),
    wrapper: &[String],
) -> Result<Vec<Runs>> {
    let contenders = Contender::ALL.into_iter().filter(|contender| contender.serves(scenario));
    let mut runs: Vec<Runs> = contenders.map(|contender| Runs { contender, samples: Vec::new() }).collect();
    let (connections, rate) = load;
    let load = Load { connections, rate, end: End::After(Duration::from_secs(options.seconds)) };
    for run in 0..usize::from(options.runs) {
        let count = runs.len();
        for i in 0..count {
            let runs = &mut runs[(run + i) % count];
            let sample = measure(setting, runs.contender, scenario, load, wrapper).await;
            runs.samples.push(sample.map_err(|error| format!("{}: {error}", runs.contender.name()))?);
        }
    }
    Ok(runs)
}

async fn measure(
    setting: &Setting<'_>,
    contender: Contender,
    scenario: Scenario,
    load: Load,
    wrapper: &[String],
) -> Result<Sample> {
    let requests = scenario.requests(setting.issuer, 1).await?;
    let service = contender.start(setting, wrapper).await?;
    let body = service.send(&requests[0]).await?;
    let first_answer = service.started.elapsed();
    scenario.verify(&body, contender != Contender::Nginx)?;
    let warm_up = Load { rate: None, end: End::After(Duration::from_secs(1)), ..load };
    load::run(service.address, &requests, warm_up).await?;
    let measured = load::run(service.address, &requests, load).await?;
    let memory = service.memory()?;
    service.stop().await?;
    Ok(Sample { measured, memory, first_answer })
}
