//! The engine on special storages: failing calls, random calls, damage, golden files, limited
//! media, and bounds on costs.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test may panic")]

mod background;
mod bounds;
mod corruption;
mod faults;
mod golden;
mod medium;
mod model;
mod purged;
mod support;
mod watched;

/// Reads a number from an environment variable.
fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}
