//! The server over HTTP: a server in this process, and a small client of its own.

mod access;
mod artifacts;
mod bad_input;
mod client;
mod files_api;
mod graphql;
mod runs;
mod start;
mod tls;
