//! Tests of the public API and the command line, in one binary so that SQLite is linked only once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a panic fails the test, and clippy does not recognise test helpers"
)]

mod api;
mod artifacts;
mod backup;
mod bad_input;
#[cfg(feature = "capture")]
mod capture;
#[cfg(feature = "cli")]
mod cli;
mod common;
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
