//! The user directory under concurrent calls, interrupted calls and lost identities, in each kind of store.

mod answers;
mod calls;
mod concurrency;
#[cfg(target_os = "linux")]
mod disk;
mod fixture;
mod kills;
#[cfg(target_os = "linux")]
mod managed_identity;
mod relay;
mod repairs;
mod service;
mod stand_in;
mod store;
