//! The integration tests, through the public API and over HTTP, in one binary.

#![allow(clippy::unwrap_used, reason = "a test ends by panicking; clippy.toml lets only #[test] functions do so")]

/// Runs each named test on a socket and through the stand-in Functions host in both of its ways of passing requests on.
/// With `users:` in front, the service has an issuer and a user directory.
macro_rules! through_each_host {
    (users: $($test:ident),* $(,)?) => {
        $(through_each_host!(@ $test, direct_with_users, hosted_with_users);)*
    };
    (@ $test:ident, $direct:ident, $hosted:ident) => {
        mod $test {
            use crate::{harness::Api, host::Generation};

            #[tokio::test]
            async fn direct() {
                super::$test(Api::$direct().await).await;
            }

            #[tokio::test]
            async fn proxied() {
                super::$test(Api::$hosted(Generation::Proxying).await).await;
            }

            #[tokio::test]
            async fn forwarded() {
                super::$test(Api::$hosted(Generation::Forwarding).await).await;
            }
        }
    };
    ($($test:ident),* $(,)?) => {
        $(through_each_host!(@ $test, direct, hosted);)*
    };
}

mod access;
#[cfg(unix)]
mod app_registration;
mod auth;
mod aws_template;
mod check;
mod cli;
mod commands;
mod config;
mod dev;
mod directory;
mod directory_command;
mod docs;
mod emulator;
mod emulator_command;
mod faults;
mod functions;
mod guests_command;
mod handler;
mod harness;
#[path = "../host/mod.rs"]
mod host;
mod hosted;
mod hostile;
mod keyless;
#[cfg(feature = "lambda")]
mod lambda;
mod manifest;
mod openapi;
mod process;
mod properties;
mod recorded;
mod redirects;
mod refreshing;
mod request_log;
mod rotation;
mod secrets;
mod serve;
mod teams_phone_command;
mod tidy;
mod tls;
mod wire;
