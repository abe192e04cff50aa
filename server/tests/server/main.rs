//! The server over HTTP: a server in this process, and a small client of its own.

mod access;
mod bad_input;
mod client;
mod graphql;
mod receiver;
mod start;
mod tls;
mod webhooks;
