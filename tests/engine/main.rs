//! The engine on storages of the tests' own: failing calls, random calls, damage, golden files.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on ends with a panic")]

mod corruption;
mod faults;
mod golden;
mod model;
mod purged;
mod support;

/// A number set in the environment.
fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}
