//! The server over HTTP: a server in this process, and a small client of its own.

mod client;
mod start;
