//! Schedules against Quartz itself: the same fires, the same refusals, the same zones.
//!
//! The judge is Quartz 2.3.2 of the Debian package libquartz2-java. Without it, or without Java,
//! the tests print why they are skipped. `TRACKLITE_QUARTZ_EXPRESSIONS` sets the number of random
//! expressions. `cargo xtask long quartz` has 10,000.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a panic fails the test, and clippy does not recognise test helpers"
)]

mod fires;
mod java;
mod random;
mod refusals;
mod zones;

/// Random expressions without the environment variable.
const EXPRESSIONS: u64 = 1000;

/// Returns the number of random expressions, or this one.
fn amount(usual: u64) -> u64 {
    let given = std::env::var("TRACKLITE_QUARTZ_EXPRESSIONS").ok();
    given.map_or(usual, |text| text.parse().expect("a number of expressions"))
}
