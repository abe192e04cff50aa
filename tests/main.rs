//! The tests of the public API and the program, in one binary, so that SQLite is linked once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed; helpers of tests are not known to clippy as such"
)]

mod api;
mod artifacts;
mod backup;
mod bad_input;
#[cfg(feature = "capture")]
mod capture;
#[cfg(feature = "cli")]
mod cli;
mod data_model;
mod files;
#[cfg(feature = "polars")]
mod frames;
mod full_disk;
mod gc;
mod logged_models;
#[cfg(feature = "cli")]
mod memory;
mod production;
mod registry;
#[cfg(feature = "internals")]
mod sealing;
mod search;
mod sweep;
mod tables;
mod tracking;
mod vacuum;
