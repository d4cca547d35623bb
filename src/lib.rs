//! Identities and access tokens for Azure Communication Services (ACS), as small HTTP functions.
//!
//! One router carries every function; thin programs run it behind the Azure Functions host (`handler`), on AWS Lambda
//! (`bootstrap`), and as a plain server or with an emulator beside it (`acs-tokens`). Nothing is kept in the process
//! that a second instance would need.
//!
//! The modules, in reading order:
//!
//! - [`acs`]: the client of ACS Identity; knows nothing of HTTP servers.
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
pub use acs_identity as acs;
pub mod auth;
#[cfg(feature = "cli")]
pub mod cli;
pub mod config;
pub mod directory;
#[cfg(feature = "emulator")]
pub use acs_emulator as emulator;
pub mod extract;
pub mod functions;
pub mod http;
pub mod problem;
pub mod refreshing;
pub mod server;
pub mod telemetry;
