//! `cargo xtask bench`: the packaged programs beside peers, as medians and ratios of one run on one machine.

mod contest;
mod growth;
mod hosted;
mod lambda;
mod latency;
mod quota;
mod report;
mod throughput;

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::{Result, contender::Setting, issuer::Issuer, upstream};

#[derive(Args)]
pub struct Options {
    /// The folder of the installed peers
    #[arg(long, value_name = "FOLDER")]
    peers: PathBuf,
    /// The program `bootstrap`, for the section `lambda`
    #[arg(long, value_name = "FILE")]
    bootstrap: Option<PathBuf>,
    /// The sections to measure
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Section::ALL)]
    section: Vec<Section>,
    /// The runs of each cell of a table; the order of the programs changes from run to run
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,
    /// The seconds of each run
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// The numbers of connections
    #[arg(long, value_delimiter = ',', default_values_t = [1, 32, 256])]
    connections: Vec<usize>,
    /// Requests per second for the latencies; each program must be able to serve them
    #[arg(long, default_value_t = 300)]
    rate: u32,
    /// The number of calls of the section `growth`
    #[arg(long, default_value_t = 1_000_000)]
    calls: usize,
    /// Write the tables into this document, between the comments that name the section, too
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
}

/// A part of the comparison.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Section {
    /// Requests per second and memory, as many requests as possible
    Throughput,
    /// Latencies at a fixed rate
    Latency,
    /// Requests per second and the first answer under a CPU quota
    Quota,
    /// Requests per second behind the stand-in for the Functions host
    Host,
    /// The first and further invocations under AWS's runtime interface emulator
    Lambda,
    /// Memory, file descriptors and threads over a million calls
    Growth,
}

impl Section {
    const ALL: [Self; 6] = [Self::Throughput, Self::Latency, Self::Quota, Self::Host, Self::Lambda, Self::Growth];

    fn name(self) -> &'static str {
        match self {
            Self::Throughput => "throughput",
            Self::Latency => "latency",
            Self::Quota => "quota",
            Self::Host => "host",
            Self::Lambda => "lambda",
            Self::Growth => "growth",
        }
    }
}

/// Measures the sections and prints each as Markdown.
pub async fn run(handler: &Path, options: &Options) -> Result<()> {
    let (upstream, issuer) = (upstream::serve().await?, Issuer::start().await?);
    let setting = Setting { handler, peers: &options.peers, upstream, issuer: &issuer };
    for &section in &options.section {
        let tables = match section {
            Section::Throughput => throughput::tables(&setting, options).await?,
            Section::Latency => latency::tables(&setting, options).await?,
            Section::Quota => quota::tables(&setting, options).await?,
            Section::Host => hosted::tables(&setting, options).await?,
            Section::Lambda => lambda::tables(&setting, options).await?,
            Section::Growth => growth::tables(&setting, options).await?,
        };
        let text = format!("{tables}\n{}\n", report::origin(section.name(), options));
        println!("{text}");
        if let Some(document) = &options.write {
            report::replace(document, section.name(), &text)?;
        }
    }
    Ok(())
}
