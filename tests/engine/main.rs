//! The engine on storages of the tests' own: failing calls, random calls, damage,
//! golden files, media that cannot do everything, bounds.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on ends with a panic")]

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

/// A number set in the environment.
fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}
