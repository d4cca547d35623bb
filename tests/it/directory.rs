//! The user directory under concurrent calls, interrupted calls and lost identities, in each kind of store.

mod answers;
mod blocking;
mod blocking_processes;
mod calls;
mod concurrency;
mod credentials;
#[cfg(target_os = "linux")]
mod disk;
mod fixture;
mod guest_fixture;
mod guest_kills;
mod guests;
mod kills;
#[cfg(target_os = "linux")]
mod managed_identity;
mod rekey;
mod rekey_blocked;
mod relay;
mod repairs;
mod service;
pub(crate) mod stand_in;
mod store;
#[cfg(target_os = "linux")]
mod template;
#[cfg(unix)]
mod terminations;
mod versions;
