//! Identities and access tokens for Azure Communication Services (ACS), as small HTTP functions.
//!
//! One router carries every function; thin programs run it behind the Azure Functions host (`handler`), on AWS Lambda
//! (`bootstrap`), and as a plain server or with an emulator beside it (`acs-tokens`). Nothing is kept in the process
//! that a second instance would need.
//!
//! The modules, in reading order:
//!
//! - [`acs_client`], [`acs_observer`], [`entra`]: the client of ACS Identity (crate `acs-identity`) with this service's
//!   settings, observer and credentials; [`remedy`] has the likely causes of its errors.
//! - [`directory`]: which ACS identity belongs to which signed-in user.
//! - [`auth`], [`access`]: who is calling, and may they?
//! - [`functions`]: the table of functions, and a file for each.
//! - [`extract`], [`problem`]: what comes in wrong ends as a problem (RFC 9457).
//! - [`http`](mod@http): the router around the functions; [`server`] puts it on a socket.
//! - [`config`], [`telemetry`]: settings from the environment, one log line a request.
//! - [`cli`]: the command line (feature `cli`).
//! - [`emulator`]: ACS Identity on your machine, strict (feature `emulator`).
//!
//! docs/ARCHITECTURE.md draws who may use whom; `tests/it/tidy.rs` holds it.

pub mod access;
pub mod acs_client;
pub mod acs_observer;
pub mod auth;
#[cfg(feature = "cli")]
pub mod cli;
pub mod config;
pub mod directory;
#[cfg(feature = "emulator")]
pub use acs_emulator as emulator;
pub mod entra;
pub mod extract;
pub mod functions;
pub mod http;
pub mod problem;
pub mod readiness;
pub mod refreshing;
pub mod remedy;
pub mod server;
pub mod short_hash;
pub mod telemetry;
pub mod trace_context;
