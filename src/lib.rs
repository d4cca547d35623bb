//! Access tokens for Azure Communication Services (ACS), as small HTTP functions.
//!
//! One router carries all functions. Thin programs run it behind the Azure Functions host (`handler`), on AWS Lambda
//! (`bootstrap`), as a plain server, and together with an emulator of ACS (`acs-tokens`). A process keeps no state that
//! another instance would need.
//!
//! The modules, in reading order:
//!
//! - [`acs_client`], [`acs_observer`]: the client of ACS Identity (crate `acs-identity`) with this service's settings;
//!   [`entra`]: its Entra credentials; [`remedy`]: likely causes and remedies of its errors.
//! - [`functions`]: the table of functions, and one file for each.
//! - [`auth`]: who is calling; [`access`]: what the caller may do.
//! - [`directory`]: which ACS identity belongs to which signed-in user or guest; [`guest_pass`]: the passes of guests.
//! - [`extract`], [`problem`]: request parsing, and problems (RFC 9457) as error responses.
//! - [`http`](mod@http): the router and its layers; [`server`]: the router on a listener.
//! - [`request_log`]: one log line per request; [`telemetry`]: the format of log lines.
//! - `lambda`: HTTP requests in events of AWS Lambda (feature `lambda`).
//! - [`config`]: settings from the environment.
//! - [`startup`]: the start of each program.
//! - [`cli`]: the command line (feature `cli`); [`emulator`]: ACS Identity on your machine (feature `emulator`).
//!
//! docs/ARCHITECTURE.md lists which module may use which; `tests/it/tidy.rs` checks it.

pub mod access;
pub mod acs_client;
pub mod acs_observer;
pub mod auth;
#[cfg(feature = "cli")]
pub mod cli;
pub mod config;
pub mod directory;
pub mod document;
#[cfg(feature = "emulator")]
pub use acs_emulator as emulator;
pub mod entra;
pub mod extract;
pub mod functions;
pub mod guest_pass;
pub mod http;
#[cfg(feature = "lambda")]
pub mod lambda;
pub mod problem;
pub mod readiness;
pub mod refreshing;
pub mod remedy;
pub mod request_log;
pub mod server;
pub mod short_hash;
pub mod startup;
pub mod telemetry;
pub mod trace_context;

/// The allocator of the packaged programs. That of musl takes a quarter of the instructions of a request more.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
