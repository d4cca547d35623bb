//! The user directory under concurrent calls, interrupted calls and lost identities, in each kind of store.

mod blocking;
mod blocking_processes;
mod calls;
mod concurrency;
mod fixture;
mod kills;
#[cfg(target_os = "linux")]
mod managed_identity;
mod relay;
mod repairs;
mod service;
mod store;
#[cfg(unix)]
mod terminations;
