//! The server over HTTP: a server in this process, and a small client of its own.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a failure of a test is a panic"
)]

mod access;
mod artifacts;
mod attacks;
mod bad_input;
mod client;
mod disasters;
mod files_api;
mod frame;
mod graphql;
mod limits;
mod page_attacks;
mod page_curves;
mod page_events;
mod page_groups;
mod page_models;
mod page_query;
mod page_rooms;
mod page_runs;
mod page_site;
mod page_views;
mod receiver;
mod requests;
mod runs;
mod serving;
mod serving_settings;
mod start;
mod tls;
mod volumes;
mod webhooks;
