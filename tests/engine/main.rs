//! The engine on storages of the tests' own: failing calls, random calls, damage, golden files.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::needless_pass_by_value,
    clippy::redundant_closure_for_method_calls,
    dead_code,
    reason = "a test that cannot go on has failed"
)]

mod corruption;
mod faults;
mod golden;
mod model;
mod support;

/// A number set in the environment.
fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}
