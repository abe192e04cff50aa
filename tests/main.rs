//! The tests of the public API and the program, in one binary, so that SQLite is linked once.

mod api;
mod bad_input;
mod files;

#[cfg(feature = "cli")]
mod cli;
