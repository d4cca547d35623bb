//! An emulator of the Identity service of Azure Communication Services (ACS), for development and tests.
//!
//! The emulator implements the REST API of ACS Identity as recorded traffic of the Azure SDKs shows it. It validates
//! every signature and logs why it denied a request (`tracing`, target `acs_emulator`). It returns errors, delays
//! answers and resets connections on request. It is not meant for production: its access keys are published.
//!
//! # Start an emulator
//!
//! An [`Emulator`] serves any number of bound listeners. Clones share one state.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use acs_emulator::{Emulator, Options, connection_string};
//!
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! println!("{}", connection_string("http", listener.local_addr()?));
//! Emulator::new(Options::default()).serve_http(listener).await
//! # }
//! ```
//!
//! - [`Emulator::new`] keeps its state in memory; [`Emulator::open`] keeps identities and keys in a file.
//! - Most SDKs require https: use [`Emulator::serve_https`] with a [`Certificate`].
//! - The control API below `/_emulator/` injects faults, changes settings, issues tokens and shows the state.
//!   `docs/emulator.md` in the repository describes every request.
//!
//! # Layers
//!
//! A module uses only modules of the lines above its own:
//!
//! ```text
//! options, certificate, api_error     constants and errors
//! answer, request, jwt, access_keys   HTTP answers and requests; keys
//! operation, tokens, test_issuer      operations and api-versions; the tokens of each issuer
//! sign_in, grants                     sign-in at the test issuer: requests, codes and their tokens
//! faults, diagnosis                   injected faults; comparison of a wrong signature
//! state                               identities, keys, faults, settings
//! state_file                          the snapshot on disk
//! service                             what every request shares
//! managed_identity, teams             Entra test tokens and their validation
//! authentication, operations          the REST API
//! control                             the control API
//! dispatch                            one request, from the request line to the last byte
//! connection                          the accept loop
//! emulator                            the public type
//! ```

mod access_keys;
mod answer;
mod api_error;
mod assignments;
mod authentication;
mod certificate;
mod connection;
mod control;
mod diagnosis;
mod dispatch;
mod emulator;
mod faults;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod grants;
mod jwe;
mod jwt;
mod managed_identity;
mod operation;
mod operations;
mod options;
mod request;
mod rsa;
mod service;
mod sign_in;
mod state;
mod state_file;
mod teams;
mod teams_phone;
mod test_issuer;
mod tokens;

/// Compiles and runs the code of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use certificate::Certificate;
pub use emulator::Emulator;
pub use options::{
    DEVELOPMENT_IDENTITY_HEADER, DEVELOPMENT_KEY, DEVELOPMENT_KEY_SECONDARY, DEVELOPMENT_RESOURCE, DEVELOPMENT_TENANT,
    Functions, Network, Options, connection_string, connection_string_for, identity_endpoint, issuer,
};
