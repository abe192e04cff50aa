//! The tests of the public API and the program, in one binary, so that SQLite is linked once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests may fail them"
)]

mod api;
#[cfg(feature = "cli")]
mod cli;
