//! Endpoints with real worker processes. The models are those of a substitute for MLflow, which do
//! what a test asks for.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a failure of a test is a panic"
)]

mod environments;
mod features;
mod limits;
mod native;
mod scale;
mod serving;
mod shadows;
mod updates;
mod workers;
