//! Tests of the public API, in one binary so that SQLite is linked only once.

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
mod common;
mod curves;
mod data_model;
mod endpoints;
mod events;
mod features;
mod files;
#[cfg(feature = "polars")]
mod frames;
mod full_disk;
mod gc;
mod importance;
mod jobs;
mod logged_models;
#[cfg(feature = "internals")]
mod memory;
mod production;
mod registry;
#[cfg(feature = "internals")]
mod sealing;
mod search;
mod stored_tables;
mod sweep;
mod tables;
mod tokens;
mod tracking;
mod vacuum;
mod views;
mod webhooks;
