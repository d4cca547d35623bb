//! Whose identity is whose, proved: races, repairs and what a call costs, with the directory in every place there is.

mod cost;
mod crowd;
mod fixture;
#[cfg(target_os = "linux")]
mod keyless;
mod kills;
mod location;
mod relay;
mod repairs;
mod service;
